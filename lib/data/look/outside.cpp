#include "data/look/outside.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "data/missing.hpp"

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

/// Counts rows of theta outside the support.
class Outside {
 public:
  Outside(const Prior& prior, size_t size) : prior_(prior), of_component_(size, 0) {}

  void add(std::span<const double> theta) {
    if (!std::all_of(theta.begin(), theta.end(), is_finite)) return;
    ++used_;
    if (prior_.in_support(theta)) return;
    bool blamed = false, counted = false;
    for (size_t i = 0; i < theta.size(); ++i) {
      if (prior_.component_in_support(i, theta[i])) continue;
      blamed = true;
      if (on_end(prior_, i, theta[i])) continue;
      ++of_component_[i];
      counted = true;
    }
    rows_ += counted || !blamed;  // a support that is no product of its components' has none to blame
  }

  void add_all(const RowArray& theta) {
    constexpr int64_t block_rows = 4096;
    const auto size = of_component_.size();
    std::vector<double> values;
    for (int64_t first = 0; first < theta.rows(); first += block_rows) {
      const int64_t count = std::min(block_rows, theta.rows() - first);
      values.resize(static_cast<size_t>(count) * size);
      theta.read(first, count, values);
      for (size_t row = 0; row < static_cast<size_t>(count); ++row)
        add(std::span(values).subspan(row * size, size));
    }
  }

  int64_t rows() const { return rows_; }
  int64_t used() const { return used_; }
  const std::vector<int64_t>& of_component() const { return of_component_; }

 private:
  const Prior& prior_;
  int64_t rows_ = 0, used_ = 0;
  std::vector<int64_t> of_component_;
};

}  // namespace

std::vector<Finding> find_outside(const RowSample& sample, const RowArray& theta, const Prior& prior,
                                  std::span<ColumnFacts> columns) {
  if (!prior.bounded() || prior.dim() != static_cast<int64_t>(sample.theta_size)) return {};
  Outside counts(prior, sample.theta_size);
  if (theta.rows() > sample.rows) {
    counts.add_all(theta);
  } else {
    for (int64_t row = 0; row < sample.rows; ++row) {
      if (sample.used(row)) counts.add(sample.theta_row(row));
    }
  }
  const int64_t rows = counts.rows(), used = counts.used();
  const std::vector<int64_t>& outside = counts.of_component();
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
      "correct the section prior (other units?), or set prior.kind: none; samples outside the support are "
      "drawn again";
  const Severity severity = rows == used ? Severity::error : Severity::warning;
  if (items.empty()) return {{severity, "outside-prior", {}, share, before, remedy, "prior"}};
  Finding finding = grouped(severity, "outside-prior", items, before + ": ", "", remedy, "prior");
  finding.number = share;
  return {std::move(finding)};
}

std::vector<Finding> find_other_distribution(const RowSample& sample, const Prior& prior,
                                             std::span<const ColumnFacts> columns) {
  constexpr double most_off = 0.1, at_one_per_cent = 1.63;  // of Kolmogorov-Smirnov's distance times sqrt(n)
  constexpr std::array shares{0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99};
  const PriorKind kind = prior.options().kind;
  if (kind == PriorKind::none || kind == PriorKind::custom) return {};
  if (prior.dim() != static_cast<int64_t>(sample.theta_size)) return {};
  std::vector<FindingItem> items;
  for (size_t i = 0; i < sample.theta_size; ++i) {
    std::array<double, shares.size()> quantiles{};
    for (size_t k = 0; k < shares.size(); ++k) quantiles[k] = prior.quantile(i, shares[k]);
    std::array<int64_t, shares.size()> below{};
    int64_t count = 0;
    for (int64_t row = 0; row < sample.rows; ++row) {
      const double value = sample.theta_row(row)[i];
      if (!is_finite(value)) continue;
      ++count;
      for (size_t k = 0; k < shares.size(); ++k) below[k] += value <= quantiles[k];
    }
    double off = 0;
    for (size_t k = 0; k < shares.size(); ++k)
      off = std::max(off, std::abs(static_cast<double>(below[k]) / static_cast<double>(count) - shares[k]));
    if (count == 0 || !(off > most_off + at_one_per_cent / std::sqrt(static_cast<double>(count)))) continue;
    items.push_back({columns[i].name,
                     "nine tenths of the prior lie in [" + core::brief_text(quantiles[1]) + ", " +
                         core::brief_text(quantiles[shares.size() - 2]) + "], half of the rows in [" +
                         core::brief_text(columns[i].lower_quartile) + ", " +
                         core::brief_text(columns[i].upper_quartile) + "]",
                     off});
  }
  if (items.empty()) return {};
  return {grouped(
      Severity::warning, "other-distribution", std::move(items),
      "theta is not distributed as the prior says: ", "",
      "what is learnt is the posterior under the theta of these rows; correct the section prior (other "
      "units, as degrees for radians?) or draw theta from it, or set prior.kind: custom with its ends where "
      "theta was chosen otherwise on purpose",
      "prior")};
}

}  // namespace fluxsbi::data
