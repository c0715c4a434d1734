#include "data/look/repeats.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/text.hpp"

namespace fluxsbi::data {

namespace {

constexpr double often = 0.01;        // share of rows
constexpr double few_theta = 0.5;     // different theta, as a share of the rows
constexpr double hardly = 0.9;        // different x, as a share of the other rows
constexpr double elsewhere = 1.25;    // rows with a number of the shared x, over those that share it
constexpr int64_t least_shared = 10;  // rows

uint64_t hash_of(std::span<const double> row) {  // FNV-1a
  uint64_t hash = 14695981039346656037u;
  for (const double value : row) {
    uint64_t bits = 0;
    const double number = value + 0.0;  // -0 is 0
    std::memcpy(&bits, &number, sizeof bits);
    hash = (hash ^ bits) * 1099511628211u;
    hash ^= hash >> 29;
  }
  return hash;
}

class Repeats {
 public:
  Repeats(const RowSample& sample, std::span<const ColumnFacts> theta, std::span<const ColumnFacts> x)
      : sample_(sample), theta_(theta), x_(x) {
    for (int64_t row = 0; row < sample.rows; ++row) {
      if (!sample.used(row)) continue;
      rows_.push_back(row);
      of_theta_.push_back(hash_of(sample.theta_row(row)));
      of_x_.push_back(hash_of(sample.x_row(row)));
    }
  }

  std::vector<Finding> find() {
    std::vector<Finding> findings;
    const int64_t copies = count_copies();
    if (static_cast<double>(copies) > often * static_cast<double>(sample_.rows)) {
      findings.push_back({Severity::warning,
                          "repeated-rows",
                          {},
                          static_cast<double>(copies) / static_cast<double>(sample_.rows),
                          rows_text(copies, sample_.rows) + " repeat an earlier row, theta and x",
                          "validation rows that also train hide overfitting; leave the copies out, or give "
                          "each simulation a seed of its own",
                          ""});
    }
    find_few_theta(copies, findings);
    if (sample_.x_size >= 2) find_shared_x(findings);
    return findings;
  }

 private:
  int64_t used() const { return std::ssize(rows_); }

  int64_t count_copies() const {
    std::unordered_set<uint64_t> seen;
    int64_t copies = 0;
    for (size_t i = 0; i < rows_.size(); ++i)
      copies += !seen.insert(of_theta_[i] * 0x9e3779b97f4a7c15u ^ of_x_[i]).second;
    return copies;
  }

  void find_few_theta(int64_t copies, std::vector<Finding>& findings) const {
    const bool discrete = std::all_of(theta_.begin(), theta_.end(), [](const ColumnFacts& column) {
      return column.discrete() || column.constant();
    });
    const auto different = std::ssize(std::unordered_set<uint64_t>(of_theta_.begin(), of_theta_.end()));
    if (discrete || static_cast<double>(different) >= few_theta * static_cast<double>(used() - copies))
      return;
    findings.push_back(
        {Severity::warning,
         "repeated-theta",
         {},
         static_cast<double>(different),
         core::count_text(used(), "row") + " hold only " + std::to_string(different) + " different theta",
         "these points are the prior that is learnt, and validation rows of a theta that also "
         "trains hide overfitting; draw theta anew for each simulation",
         ""});
  }

  void find_shared_x(std::vector<Finding>& findings) const {
    std::unordered_map<uint64_t, int64_t> counts;
    int64_t complete = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const auto x = sample_.x_row(rows_[i]);
      if (std::any_of(x.begin(), x.end(), [](double value) { return std::isnan(value); })) continue;
      ++counts[of_x_[i]];
      ++complete;
    }
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == counts.end()) return;
    const int64_t shared = most->second, others = complete - shared;
    const bool many =
        shared >= least_shared && static_cast<double>(shared) >= often * static_cast<double>(used());
    const bool continuous =
        static_cast<double>(std::ssize(counts) - 1) >= hardly * static_cast<double>(others);
    if (!many || !continuous || others == 0) return;
    const auto first =
        static_cast<size_t>(std::find(of_x_.begin(), of_x_.end(), most->first) - of_x_.begin());
    if (!differs_in_theta(most->first, of_theta_[first])) return;
    const auto x = sample_.x_row(rows_[first]);
    if (are_fills(x)) return;
    if (static_cast<double>(least_marginal(x)) > elsewhere * static_cast<double>(shared)) return;
    std::vector<std::string> values;
    for (size_t i = 0; i < x.size(); ++i) values.push_back(x_[i].name + " = " + core::brief_text(x[i]));
    findings.push_back(
        {Severity::warning,
         "shared-x",
         {},
         static_cast<double>(shared) / static_cast<double>(used()),
         rows_text(shared, used()) + " hold one and the same x for different theta (" +
             core::list_first(values, 6) + ")",
         "rows that were never written, or that failed? Leave them out, or write NaN there and "
         "set data.nan: drop",
         "data.nan"});
  }

  bool differs_in_theta(uint64_t x, uint64_t theta) const {
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (of_x_[i] == x && of_theta_[i] != theta) return true;
    }
    return false;
  }

  // Whether they are told as values for "none" already.
  bool are_fills(std::span<const double> x) const {
    for (size_t i = 0; i < x.size(); ++i) {
      const auto& fills = x_[i].fills;
      if (std::none_of(fills.begin(), fills.end(), [&](const auto& fill) { return fill.value == x[i]; }))
        return false;
    }
    return true;
  }

  // The least number of rows that hold a column's number of x. Values that are cut at a limit, each for
  // itself, meet in a corner in far fewer rows than hold one of them.
  int64_t least_marginal(std::span<const double> x) const {
    std::vector<int64_t> holders(x.size());
    for (const int64_t row : rows_) {
      const auto other = sample_.x_row(row);
      for (size_t i = 0; i < x.size(); ++i) holders[i] += other[i] == x[i];
    }
    return *std::min_element(holders.begin(), holders.end());
  }

  const RowSample& sample_;
  std::span<const ColumnFacts> theta_, x_;
  std::vector<int64_t> rows_;
  std::vector<uint64_t> of_theta_, of_x_;  ///< hashes, [rows_]
};

}  // namespace

std::vector<Finding> find_repeats(const RowSample& sample, std::span<const ColumnFacts> theta,
                                  std::span<const ColumnFacts> x) {
  return Repeats(sample, theta, x).find();
}

}  // namespace fluxsbi::data
