#include "report/contour.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <set>

namespace fluxsbi::report {

namespace {

// An edge between neighbouring centres: of the centre (column, row) with the one right of it or above it.
// Centres run from -1 to bins, the outermost being 0.
using EdgeId = int64_t;

class Marching {
 public:
  Marching(const Density& density, double level)
      : density_(density), level_(level), stride_(density.x.bins + 2) {}

  std::vector<Polyline> lines() {
    for (int row = -1; row < density_.y.bins; ++row)
      for (int column = -1; column < density_.x.bins; ++column) cross_cell(column, row);
    std::vector<Polyline> found;
    for (const auto& [start, ends] : joined_)
      if (!visited_.contains(start)) found.push_back(walk(start));
    return found;
  }

 private:
  double value(int column, int row) const {
    const bool inside = column >= 0 && row >= 0 && column < density_.x.bins && row < density_.y.bins;
    return inside ? density_.at(column, row) : 0;
  }
  EdgeId edge(int column, int row, bool upwards) const {
    return 2 * ((row + 1) * static_cast<EdgeId>(stride_) + column + 1) + (upwards ? 1 : 0);
  }

  void join(EdgeId a, EdgeId b) {
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      auto& ends = joined_.try_emplace(from, std::array<EdgeId, 2>{-1, -1}).first->second;
      ends[ends[0] == -1 ? 0 : 1] = to;
    }
  }

  // The cell whose lower left corner is a centre.
  void cross_cell(int column, int row) {
    const std::array<double, 4> corner = {value(column, row), value(column + 1, row),
                                          value(column + 1, row + 1), value(column, row + 1)};
    const std::array<EdgeId, 4> side = {edge(column, row, false), edge(column + 1, row, true),
                                        edge(column, row + 1, false), edge(column, row, true)};
    // Sides 0..3 lie between corners i and i + 1, counter-clockwise from the lower left.
    std::array<int, 4> crossed{};
    int count = 0;
    for (int i = 0; i < 4; ++i)
      if ((corner[i] > level_) != (corner[(i + 1) % 4] > level_)) crossed[count++] = i;
    if (count == 2) join(side[crossed[0]], side[crossed[1]]);
    if (count < 4) return;
    // A saddle: lines pass between the corners that are not joined through the middle.
    const bool middle_above = (corner[0] + corner[1] + corner[2] + corner[3]) / 4 > level_;
    const bool cut_first = middle_above != (corner[0] > level_);
    join(side[cut_first ? 3 : 0], side[cut_first ? 0 : 1]);
    join(side[cut_first ? 1 : 2], side[cut_first ? 2 : 3]);
  }

  std::pair<double, double> position(EdgeId id) const {
    const bool upwards = id % 2 != 0;
    const int column = static_cast<int>(id / 2 % stride_) - 1, row = static_cast<int>(id / 2 / stride_) - 1;
    const double begin = value(column, row);
    const double end = upwards ? value(column, row + 1) : value(column + 1, row);
    const double share = (level_ - begin) / (end - begin);
    return {density_.x.centre(column) + (upwards ? 0 : share) * density_.x.width(),
            density_.y.centre(row) + (upwards ? share : 0) * density_.y.width()};
  }

  // Around a closed line; all are closed, because the density is 0 around the grid.
  Polyline walk(EdgeId start) {
    Polyline line;
    for (EdgeId id = start, before = -1; visited_.insert(id).second;) {
      line.push_back(position(id));
      const auto& ends = joined_.at(id);
      const EdgeId next = ends[0] != before ? ends[0] : ends[1];
      before = id;
      id = next;
    }
    line.push_back(line.front());
    return line;
  }

  const Density& density_;
  double level_;
  int stride_;
  std::map<EdgeId, std::array<EdgeId, 2>> joined_;
  std::set<EdgeId> visited_;
};

}  // namespace

std::vector<Polyline> contour_lines(const Density& density, double level) {
  return Marching(density, level).lines();
}

}  // namespace fluxsbi::report
