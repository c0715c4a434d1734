// Numbers as JSON keeps them to the last bit, infinities and NaN included: their bits as whole numbers.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace fluxsbi::sample {

inline std::vector<uint64_t> exact_bits(std::span<const double> values) {
  std::vector<uint64_t> bits;
  for (const double value : values) bits.push_back(std::bit_cast<uint64_t>(value));
  return bits;
}

inline std::vector<double> from_bits(std::span<const uint64_t> bits) {
  std::vector<double> values;
  for (const uint64_t of_value : bits) values.push_back(std::bit_cast<double>(of_value));
  return values;
}

}  // namespace fluxsbi::sample
