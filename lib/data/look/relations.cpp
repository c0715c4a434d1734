#include "data/look/relations.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "core/text.hpp"
#include "data/missing.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t most_rows = 1000, least_rows = 20;
constexpr size_t most_columns = 600;
constexpr double one_direction = 0.999, tells_exactly = 1 - 1e-7, tells_each_other = 0.9999;
constexpr double cut = 10;
constexpr size_t most_parameters = 100;
constexpr double own_variance = 1e-4;  // a parameter with less of it is a function of others

// The columns of both sides, theta's first, over some rows.
class Columns {
 public:
  Columns(const RowSample& sample, std::span<const ColumnFacts> theta, std::span<const ColumnFacts> x)
      : sample_(sample), theta_(theta), x_(x) {
    const int64_t step = std::max<int64_t>(1, sample.rows / most_rows);
    for (int64_t row = 0; row < sample.rows; row += step) {
      if (sample.used(row)) rows_.push_back(row);
    }
  }

  size_t size() const { return theta_.size() + x_.size(); }
  int64_t rows() const { return std::ssize(rows_); }
  bool is_theta(size_t i) const { return i < theta_.size(); }
  const ColumnFacts& facts(size_t i) const { return is_theta(i) ? theta_[i] : x_[i - theta_.size()]; }
  double value(size_t i, int64_t row) const {
    return is_theta(i) ? sample_.theta_row(row)[i] : sample_.x_row(row)[i - theta_.size()];
  }

  // Sum of squares 1, mean 0; NaN counts as the mean. Empty for a column that does not vary.
  std::vector<float> unit(size_t i) const {
    const ColumnFacts& column = facts(i);
    if (column.distinct < 2) return {};
    std::vector<double> values;
    const double reach = column.spread > 0 ? cut * column.spread : column.largest - column.smallest;
    double sum = 0, squares = 0;
    for (const int64_t row : rows_) {
      const double value = this->value(i, row);
      values.push_back(is_finite(value) ? std::clamp(value - column.median, -reach, reach) / reach : 0);
      sum += values.back();
    }
    for (double& value : values) {
      value -= sum / static_cast<double>(values.size());
      squares += value * value;
    }
    if (!(squares > 0)) return {};
    std::vector<float> unit;
    for (const double value : values) unit.push_back(static_cast<float>(value / std::sqrt(squares)));
    return unit;
  }

  // Whether all used rows of the sample have the same numbers in both.
  bool equal(size_t i, size_t j) const {
    for (int64_t row = 0; row < sample_.rows; ++row) {
      if (sample_.used(row) && value(i, row) != value(j, row)) return false;
    }
    return true;
  }

  uint64_t hash(size_t i) const {  // FNV-1a over the rows of the correlation
    uint64_t hash = 14695981039346656037u;
    for (const int64_t row : rows_) {
      uint64_t bits = 0;
      const double number = value(i, row) + 0.0;  // -0 is 0
      std::memcpy(&bits, &number, sizeof bits);
      hash = (hash ^ bits) * 1099511628211u;
      hash ^= hash >> 29;
    }
    return hash;
  }

 private:
  const RowSample& sample_;
  std::span<const ColumnFacts> theta_, x_;
  std::vector<int64_t> rows_;
};

std::vector<std::pair<size_t, size_t>> duplicates(const Columns& columns) {
  std::vector<std::pair<size_t, size_t>> found;  // the column and the one that it repeats
  std::unordered_map<uint64_t, size_t> first;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns.facts(i).distinct < 2) continue;
    const auto [place, is_new] = first.emplace(columns.hash(i), i);
    if (!is_new && columns.equal(i, place->second)) found.emplace_back(i, place->second);
  }
  return found;
}

struct Pairs {
  std::vector<FindingItem> theta, leaks, x;
};

// Correlated pairs; those of `known` are left out.
Pairs correlated(const Columns& columns, const std::vector<std::pair<size_t, size_t>>& known) {
  std::vector<std::vector<float>> units;
  const size_t count = std::min(columns.size(), most_columns);
  for (size_t i = 0; i < count; ++i) units.push_back(columns.unit(i));
  Pairs pairs;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (units[i].empty() || units[j].empty()) continue;
      double r = 0;
      for (size_t k = 0; k < units[i].size(); ++k)
        r += static_cast<double>(units[i][k]) * static_cast<double>(units[j][k]);
      const double size = std::abs(r);
      if (size <= one_direction || std::find(known.begin(), known.end(), std::pair(i, j)) != known.end())
        continue;
      const FindingItem item{columns.facts(j).name + " and " + columns.facts(i).name,
                             "r = " + core::brief_text(r), size};
      if (columns.is_theta(i)) {
        pairs.theta.push_back(item);
      } else if (columns.is_theta(j)) {
        if (size > tells_exactly) pairs.leaks.push_back(item);
      } else if (size > tells_each_other) {
        pairs.x.push_back(item);
      }
    }
  }
  return pairs;
}

// The numbers of theta that are linear functions of those before them; two of one direction are left to the
// pairs.
std::vector<FindingItem> dependent(const Columns& columns, size_t parameters,
                                   const std::vector<std::pair<size_t, size_t>>& copies, const Pairs& pairs) {
  std::vector<FindingItem> items;
  std::vector<std::vector<double>> directions;  // orthonormal
  const size_t most =
      std::min(parameters, std::min(most_parameters, static_cast<size_t>(columns.rows()) / 5));
  for (size_t i = 0; i < most; ++i) {
    const std::vector<float> unit = columns.unit(i);
    if (unit.empty()) continue;
    std::vector<double> rest(unit.begin(), unit.end());
    for (const auto& direction : directions) {
      const double share = std::inner_product(rest.begin(), rest.end(), direction.begin(), 0.0);
      for (size_t k = 0; k < rest.size(); ++k) rest[k] -= share * direction[k];
    }
    const double own = std::inner_product(rest.begin(), rest.end(), rest.begin(), 0.0);
    if (own < own_variance) {
      const std::string& name = columns.facts(i).name;
      const bool of_pair = std::any_of(pairs.theta.begin(), pairs.theta.end(), [&](const FindingItem& pair) {
        return pair.name.ends_with(" and " + name);
      });
      const bool copy =
          std::any_of(copies.begin(), copies.end(), [i](const auto& known) { return known.first == i; });
      if (!of_pair && !copy && directions.size() >= 2)
        items.push_back({name, percent_text(1 - own) + " of its variance", 1 - own});
      continue;
    }
    for (double& value : rest) value /= std::sqrt(own);
    directions.push_back(std::move(rest));
  }
  return items;
}

}  // namespace

std::vector<Finding> find_relations(const RowSample& sample, std::span<const ColumnFacts> theta,
                                    std::span<const ColumnFacts> x) {
  const Columns columns(sample, theta, x);
  std::vector<Finding> findings;
  if (columns.rows() < least_rows) return findings;
  const auto repeats = duplicates(columns);
  std::vector<FindingItem> items;
  for (const auto& [column, first] : repeats)
    items.push_back({columns.facts(column).name, "repeats " + columns.facts(first).name, 1});
  if (!items.empty()) {
    findings.push_back(grouped(Severity::warning, "duplicates", items, "duplicate columns: ", "",
                               "leave the copies out, or correct the file if they should differ", ""));
  }
  const Pairs pairs = correlated(columns, repeats);
  if (!pairs.theta.empty()) {
    findings.push_back(
        grouped(Severity::warning, "collinear", pairs.theta, "parameters of one direction: ", "",
                "their prior is nearly a line, on which a density has no room; keep one of them, or "
                "learn one and their difference",
                ""));
  }
  const auto functions = dependent(columns, theta.size(), repeats, pairs);
  if (!functions.empty()) {
    findings.push_back(grouped(
        Severity::warning, "dependent", functions,
        "parameters that are a linear function of the others: ", "",
        "all of theta lies on a plane then, on which a density has no room; leave one of them out and "
        "compute it from the others (of fractions that sum to 1, the last)",
        ""));
  }
  if (!pairs.leaks.empty()) {
    findings.push_back(grouped(Severity::warning, "tells-theta", pairs.leaks,
                               "numbers of x that tell theta exactly: ", "",
                               "make sure that x holds no parameter by mistake", ""));
  }
  if (!pairs.x.empty()) {
    findings.push_back(
        grouped(Severity::note, "correlated", pairs.x, "numbers of x that tell each other: ", "", "", ""));
  }
  return findings;
}

}  // namespace fluxsbi::data
