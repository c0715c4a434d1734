#include "diagnose/numpy_random.hpp"

#include <bit>
#include <utility>

namespace fluxsbi::diagnose {

double NumpyRandom::uniform(double low, double high) {
  const uint32_t upper = engine_() >> 5, lower = engine_() >> 6;
  return low + (high - low) * ((upper * 67108864.0 + lower) / 9007199254740992.0);
}

uint32_t NumpyRandom::below_or_equal(uint32_t largest) {
  if (largest == 0) return 0;
  const uint32_t mask = UINT32_MAX >> std::countl_zero(largest);
  uint32_t value = engine_() & mask;
  while (value > largest) value = engine_() & mask;
  return value;
}

void NumpyRandom::shuffle(std::span<int32_t> values) {
  for (size_t i = values.size(); i-- > 1;)
    std::swap(values[i], values[below_or_equal(static_cast<uint32_t>(i))]);
}

}  // namespace fluxsbi::diagnose
