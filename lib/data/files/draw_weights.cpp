#include "data/files/draw_weights.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

void refuse_different_weights(std::span<const double> weights, const std::string& path) {
  const auto first = std::find_if(weights.begin(), weights.end(), [](double w) { return !std::isnan(w); });
  const auto other =
      std::find_if(first, weights.end(), [&](double w) { return !std::isnan(w) && w != *first; });
  if (other == weights.end()) return;
  throw core::UserError(path + ": its weights differ (" + core::number_text(*first) + " and " +
                        core::number_text(*other) +
                        "), but draws are taken as equally likely; resample it by weight first");
}

}  // namespace fluxsbi::data
