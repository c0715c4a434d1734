#include "sample/files/samples.hpp"

#include <algorithm>

namespace fluxsbi::sample {

int64_t Samples::unfilled() const {
  return std::count(filled.begin(), filled.end(), uint8_t{0});
}

double Samples::acceptance() const {
  return drawn == 0 ? 1 : static_cast<double>(rows * draws - unfilled()) / static_cast<double>(drawn);
}

}  // namespace fluxsbi::sample
