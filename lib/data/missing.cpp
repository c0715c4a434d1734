#include "data/missing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/look/finding.hpp"

namespace fluxsbi::data {

bool is_finite(double value) {
  return std::abs(value) <= largest_value;
}

int64_t first_bad(std::span<const double> row, bool may_lack) {
  const auto found = std::find_if_not(row.begin(), row.end(), [may_lack](double value) {
    return is_finite(value) || (may_lack && std::isnan(value));
  });
  return found == row.end() ? -1 : found - row.begin();
}

double hidden_share(double rate) {
  return std::sqrt(rate);
}

void MissingCount::add(std::span<const double> row) {
  ++seen_;
  int64_t lacking = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    if (!std::isnan(row[i])) continue;
    ++of_feature_[i];
    ++lacking;
  }
  ++by_number_[static_cast<size_t>(lacking)];
  cells_ += lacking;
  rows_ += lacking > 0;
  empty_ += lacking > 0 && lacking == std::ssize(row);
}

double MissingCount::rate_besides() const {
  return seen_ > 0 && rows_ * 10 >= seen_ ? 0.01 : 0.05;
}

int64_t MissingCount::usual(double rate) const {
  int64_t own = std::ssize(of_feature_), beyond = 0;
  while (own > 0 && (beyond += by_number_[static_cast<size_t>(own)]) * 1000 < seen_) --own;
  const auto left = static_cast<double>(std::ssize(of_feature_) - own);
  const double share = hidden_share(rate);
  const double hidden = left * share + 3 * std::sqrt(left * share * (1 - share));
  return std::min<int64_t>(std::ssize(of_feature_), own + static_cast<int64_t>(std::ceil(hidden)));
}

void MissingCount::require_values(const std::string& source, std::span<const std::string> names) const {
  std::vector<std::string> empty;
  for (size_t i = 0; i < of_feature_.size(); ++i) {
    if (seen_ > 0 && of_feature_[i] == seen_) empty.push_back(names[i]);
  }
  if (empty.empty()) return;
  throw core::UserError(source + ": " + core::list_first(empty, 6) + (empty.size() == 1 ? " is" : " are") +
                        " missing (NaN) in every row, so nothing can be learnt from it; leave " +
                        (empty.size() == 1 ? "this column" : "these columns") + " of x out");
}

std::string MissingCount::text(std::span<const std::string> names) const {
  const int64_t all = seen_ * std::ssize(of_feature_);
  std::string line = std::to_string(cells_) + " of " + std::to_string(all) + " values of x are missing";
  if (cells_ == 0) return line;
  std::vector<size_t> order(of_feature_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return of_feature_[a] > of_feature_[b]; });
  std::vector<std::string> shares;
  for (const size_t i : order) {
    if (of_feature_[i] > 0)
      shares.push_back(names[i] + " " +
                       percent_text(static_cast<double>(of_feature_[i]) / static_cast<double>(seen_)));
  }
  line += ", in " + std::to_string(rows_) + " of " + std::to_string(seen_) + " rows (" +
          core::list_first(shares, 6) + ")";
  if (empty_ > 0) {
    line += "; " + core::count_text(empty_, "row") + (empty_ == 1 ? " lacks" : " lack") +
            " all of x, and train the prior";
  }
  return line;
}

}  // namespace fluxsbi::data
