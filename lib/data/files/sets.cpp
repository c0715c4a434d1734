#include "data/files/sets.hpp"

#include <algorithm>
#include <cmath>

#include "data/missing.hpp"

namespace fluxsbi::data {

std::string set_problem(std::span<const double> row, int64_t channels) {
  const auto width = static_cast<size_t>(channels);
  bool any = false;
  for (size_t at = 0; at < row.size(); at += width) {
    const auto element = row.subspan(at, width);
    const auto missing =
        std::count_if(element.begin(), element.end(), [](double v) { return std::isnan(v); });
    if (missing == channels) continue;
    any = true;
    const std::string name = "element " + std::to_string(at / width) + " of x ";
    if (missing > 0) return name + "is NaN in some channels only; an absent element is NaN in all of them";
    if (std::any_of(element.begin(), element.end(), [](double v) { return !std::isnan(v) && !is_finite(v); }))
      return name + "is infinite or " + beyond_largest;
  }
  return any ? "" : "all elements of x are absent (NaN); a set needs one at least";
}

}  // namespace fluxsbi::data
