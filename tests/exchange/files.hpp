// Files of samples as `fluxsbi sample` writes them, for tests.
#pragma once

#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/files.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::exchange::test {

inline const double nan_value = std::numeric_limits<double>::quiet_NaN();

inline io::Array doubles(const std::vector<double>& values, std::vector<int64_t> shape) {
  return io::Array::from(std::span<const double>(values), std::move(shape));
}

/// first, first + 1, ... in a shape.
inline io::Array counting(std::vector<int64_t> shape, double first = 0) {
  std::vector<double> values(
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>())));
  std::iota(values.begin(), values.end(), first);
  return doubles(values, std::move(shape));
}

inline io::Array text(const std::string& text) {
  io::Array array{io::DType::u8, {std::ssize(text)}, {}};
  const auto bytes = std::as_bytes(std::span(text));
  array.bytes.assign(bytes.begin(), bytes.end());
  return array;
}

/// 3 observations x 4 draws of a and b: samples 0, 1, ..., 23; x [3, 2] from 100 on. Of observation 1 draw 2
/// is not filled.
inline io::Arrays usual() {
  return {{"samples", counting({3, 4, 2})},
          {"filled", io::Array::from_bool(std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1}, {3, 4})},
          {"x", counting({3, 2}, 100)},
          {"meta", text(R"({"theta_names": ["a", "b"], "x_names": ["u", "v"]})")}};
}

}  // namespace fluxsbi::exchange::test
