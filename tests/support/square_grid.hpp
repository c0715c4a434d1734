// The centres of a square's cells, for integrals over two variables.
#pragma once

#include <cstdint>
#include <vector>

namespace fluxsbi::test {

struct SquareGrid {
  /// cells x cells cells of [-reach, reach]^2.
  SquareGrid(int64_t cells, double reach) {
    const double width = 2 * reach / static_cast<double>(cells);
    const auto centre = [&](int64_t i) {
      return static_cast<float>(-reach + width * (static_cast<double>(i) + 0.5));
    };
    for (int64_t i = 0; i < cells * cells; ++i) {
      points.push_back(centre(i / cells));
      points.push_back(centre(i % cells));
    }
    area = width * width;
  }
  std::vector<float> points;  ///< [cells * cells, 2]
  double area = 0;            ///< of a cell
};

}  // namespace fluxsbi::test
