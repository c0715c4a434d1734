// Numbers with a shape.
#pragma once

#include <cstdint>
#include <vector>

namespace fluxsbi::exchange {

/// Row-major; values.size() is the product of `shape`.
struct Numbers {
  std::vector<int64_t> shape;
  std::vector<double> values;
};

}  // namespace fluxsbi::exchange
