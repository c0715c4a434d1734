#include "data/look/outside.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

constexpr double end_tolerance = 1e-6;  // of an end of the support, which float32 may have rounded

// Whether a value outside the support lies on one of its ends but for what float32 makes of it.
bool on_end(const Prior& prior, size_t i, double value) {
  const auto [low, high] = prior.ends(i);
  const double width = std::isfinite(high - low) ? high - low : 0;
  const auto near = [&](double end) {
    return std::isfinite(end) && std::abs(value - end) <= end_tolerance * std::max(width, std::abs(end));
  };
  return near(low) || near(high);
}

}  // namespace

std::vector<Finding> find_outside(const RowSample& sample, const Prior& prior,
                                  std::span<ColumnFacts> columns) {
  if (!prior.bounded() || prior.dim() != static_cast<int64_t>(sample.theta_size)) return {};
  int64_t rows = 0, used = 0;
  std::vector<int64_t> outside(sample.theta_size, 0);
  for (int64_t row = 0; row < sample.rows; ++row) {
    const auto theta = sample.theta_row(row);
    if (!sample.used(row) || !std::all_of(theta.begin(), theta.end(), is_finite_single)) continue;
    ++used;
    if (prior.in_support(theta)) continue;
    bool blamed = false, counted = false;
    for (size_t i = 0; i < theta.size(); ++i) {
      if (prior.component_in_support(i, theta[i])) continue;
      blamed = true;
      if (on_end(prior, i, theta[i])) continue;
      ++outside[i];
      counted = true;
    }
    rows += counted || !blamed;  // a support that is no product of its components' has none to blame
  }
  if (rows == 0) return {};
  const double share = static_cast<double>(rows) / static_cast<double>(used);
  std::vector<FindingItem> items;
  for (size_t i = 0; i < outside.size(); ++i) {
    if (outside[i] == 0) continue;
    ColumnFacts& column = columns[i];
    column.outside = static_cast<double>(outside[i]) / static_cast<double>(used);
    const auto [low, high] = prior.ends(i);
    items.push_back({column.name,
                     percent_text(column.outside) + " of its values, which lie in [" +
                         core::brief_text(column.smallest) + ", " + core::brief_text(column.largest) +
                         "], are outside [" + core::brief_text(low) + ", " + core::brief_text(high) + "]",
                     column.outside});
  }
  const std::string before = percent_text(share) + " of theta lie outside the prior's support";
  const std::string remedy =
      "correct the section prior (other units?), or set prior.kind: none; samples outside the support are drawn again";
  const Severity severity = rows == used ? Severity::error : Severity::warning;
  if (items.empty()) return {{severity, "outside-prior", {}, share, before, remedy, "prior"}};
  Finding finding = grouped(severity, "outside-prior", items, before + ": ", "", remedy, "prior");
  finding.number = share;
  return {std::move(finding)};
}

}  // namespace fluxsbi::data
