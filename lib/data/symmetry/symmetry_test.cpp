#include "data/symmetry/symmetry_test.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <utility>

#include "core/philox.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t most_pairs = 3000, triples = 200, cosines = 600;
using Ranks = const std::vector<const float*>&;  // of every column [rows]
constexpr uint64_t stream = 0x73796d6d;  // random statistics are the same for every seed of a training

struct Moments {
  double sum = 0, squares = 0, count = 0;
  double mean() const { return sum / count; }
  double variance() const { return std::max(0.0, squares / count - mean() * mean()); }
};

// Differences of statistics, row by row. Even and odd rows are the halves.
class Differences {
 public:
  explicit Differences(size_t rows) : rows_(rows) {}

  // Takes one statistic's differences [rows] unless it has none.
  void add(std::vector<float> values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    if (values.empty() || !(*low < 0 || *high > 0)) return;
    all_.push_back(std::move(values));
  }

  size_t size() const { return all_.size(); }

  double largest() const {
    double most = 0;
    for (const auto& values : all_) {
      Moments moments = of(values, 0);
      const Moments odd = of(values, 1);
      moments.sum += odd.sum;
      moments.squares += odd.squares;
      moments.count += odd.count;
      // Where all rows differ by the same, chance has no part in it.
      if (moments.mean() != 0)
        most = std::max(most, std::abs(moments.mean()) / std::sqrt(moments.variance() / moments.count));
    }
    return most;
  }

  // The mean of both halves' directions, each judged by the other half.
  double direction() const { return (judged(0, 1) + judged(1, 0)) / 2; }

 private:
  Moments of(const std::vector<float>& values, size_t half) const {
    Moments moments;
    for (size_t i = half; i < rows_; i += 2) {
      moments.sum += values[i];
      moments.squares += double{values[i]} * values[i];
      ++moments.count;
    }
    return moments;
  }

  double judged(size_t half, size_t other) const {
    std::vector<double> along(rows_);
    for (const auto& values : all_) {
      const Moments moments = of(values, half);
      if (!(moments.variance() > 0)) continue;
      const double weight = moments.mean() / moments.variance();
      for (size_t i = other; i < rows_; i += 2) along[i] += weight * values[i];
    }
    Moments moments;
    for (size_t i = other; i < rows_; i += 2) {
      moments.sum += along[i];
      moments.squares += along[i] * along[i];
      ++moments.count;
    }
    return moments.variance() > 0 ? moments.mean() / std::sqrt(moments.variance() / moments.count) : 0;
  }

  size_t rows_;
  std::vector<std::vector<float>> all_;
};

}  // namespace

// The ranks of the rows' forms: those of the rows where a value stays.
struct SymmetryTest::Changed {
  std::vector<size_t> columns;              ///< that the form changes, ascending
  std::vector<std::vector<float>> own;      ///< [columns][rows]
  std::vector<const float*> before, after;  ///< of every column [rows]

  size_t any(core::Philox& random) const { return columns[random.below(columns.size())]; }
  // What a statistic of a row's ranks loses by the form, row by row.
  std::vector<float> differences(size_t rows, const auto& statistic) const {
    std::vector<float> values(rows);
    for (size_t i = 0; i < rows; ++i)
      values[i] = static_cast<float>(statistic(before, i) - statistic(after, i));
    return values;
  }
};

std::vector<double> JudgedRows::column(size_t number) const {
  std::vector<double> one(rows());
  for (size_t i = 0; i < one.size(); ++i) one[i] = values[i * width() + number];
  return one;
}

double SymmetryEvidence::limit(double level) const {
  return normal_quantile(1 - level / (2 * std::max(1.0, statistics)));
}

SymmetryTest::SymmetryTest(JudgedRows rows) : rows_(std::move(rows)) {
  const size_t n = rows_.rows(), width = rows_.width();
  sorted_.resize(n * width);
  ranks_.resize(n * width);
  for (size_t column = 0; column < width; ++column) {
    const auto sorted = std::span(sorted_).subspan(column * n, n);
    for (size_t i = 0; i < n; ++i) sorted[i] = rows_.values[i * width + column];
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < n; ++i)
      ranks_[column * n + i] = static_cast<float>(rank(column, rows_.values[i * width + column]));
  }
}

double SymmetryTest::rank(size_t column, double value) const {
  const size_t n = rows_.rows();
  const auto sorted = std::span(sorted_).subspan(column * n, n);
  const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
  return static_cast<double>((low - sorted.begin()) + (high - sorted.begin())) / static_cast<double>(n) - 1;
}

SymmetryTest::Changed SymmetryTest::changed_by(const RowForm& form) const {
  const size_t n = rows_.rows(), width = rows_.width();
  Changed changed;
  for (size_t column = 0; column < width; ++column) {
    const bool of_x = column >= rows_.theta_size;
    const SignedPermutation& side = of_x ? form.x : form.theta;
    const size_t at = of_x ? column - rows_.theta_size : column, first = column - at;
    changed.before.push_back(ranks_.data() + column * n);
    const size_t from = first + static_cast<size_t>(side.from[at]);
    if (from == column && side.sign[at] == 1) continue;
    std::vector<float> own(n);
    for (size_t i = 0; i < n; ++i)
      own[i] = static_cast<float>(rank(column, side.sign[at] * rows_.values[i * width + from]));
    changed.columns.push_back(column);
    changed.own.push_back(std::move(own));
  }
  changed.after = changed.before;
  for (size_t k = 0; k < changed.columns.size(); ++k)
    changed.after[changed.columns[k]] = changed.own[k].data();
  return changed;
}

SymmetryTest SymmetryTest::with_x(std::span<const size_t> x) const {
  const size_t n = rows_.rows(), width = rows_.width(), theta = rows_.theta_size;
  std::vector<size_t> columns(theta);
  std::iota(columns.begin(), columns.end(), size_t{0});
  for (const size_t column : x) columns.push_back(theta + column);
  SymmetryTest part;
  part.rows_ = {theta, x.size(), std::vector<double>(n * columns.size())};
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < columns.size(); ++k)
      part.rows_.values[i * columns.size() + k] = rows_.values[i * width + columns[k]];
  }
  const auto take = [n, &columns](const auto& from, auto& into) {
    for (const size_t column : columns)
      into.insert(into.end(), from.begin() + static_cast<std::ptrdiff_t>(column * n),
                  from.begin() + static_cast<std::ptrdiff_t>((column + 1) * n));
  };
  take(sorted_, part.sorted_);
  take(ranks_, part.ranks_);
  return part;
}

SymmetryEvidence SymmetryTest::judge_products(const Changed& changed, core::Philox& random) const {
  const size_t n = rows_.rows(), width = rows_.width();
  const auto any_column = [&] { return static_cast<size_t>(random.below(width)); };
  Differences products(n);
  const auto add = [&](const auto& product) { products.add(changed.differences(n, product)); };
  const auto add_pair = [&](size_t a, size_t b) {
    add([&](Ranks r, size_t i) { return r[a][i] * r[b][i]; });
  };
  for (const size_t a : changed.columns) add([&](Ranks r, size_t i) { return r[a][i]; });
  if (changed.columns.size() * width <= most_pairs) {
    for (const size_t a : changed.columns) {
      for (size_t b = 0; b < width; ++b) add_pair(a, b);
    }
  } else {
    for (size_t k = 0; k < most_pairs; ++k) {
      const size_t a = changed.any(random);
      add_pair(a, any_column());
    }
  }
  for (size_t k = 0; k < triples; ++k) {
    const size_t a = changed.any(random), b = any_column(), c = any_column();
    add([&](Ranks r, size_t i) { return r[a][i] * r[b][i] * r[c][i]; });
  }
  return {products.largest(), static_cast<double>(products.size()), products.direction()};
}

SymmetryEvidence SymmetryTest::judge_products(const RowForm& form) const {
  const Changed changed = changed_by(form);
  if (changed.columns.empty()) return {};
  core::Philox random(0, core::Purpose::classifier, stream);
  return judge_products(changed, random);
}

SymmetryEvidence SymmetryTest::judge(const RowForm& form, double level) const {
  const Changed changed = changed_by(form);
  if (changed.columns.empty()) return {};
  const size_t n = rows_.rows(), width = rows_.width();
  core::Philox random(0, core::Purpose::classifier, stream);
  SymmetryEvidence evidence = judge_products(changed, random);
  const double products = evidence.statistics;
  evidence.statistics = products + cosines;
  if (evidence.deviation > evidence.limit(level)) return evidence;

  Differences waves(n);
  for (size_t k = 0; k < cosines; ++k) {
    std::vector<std::pair<size_t, double>> terms{{changed.any(random), 0}};
    for (auto others = random.below(5); others > 0; --others)
      terms.emplace_back(static_cast<size_t>(random.below(width)), 0);
    for (auto& [column, weight] : terms) {
      const auto half_turns = static_cast<double>(1 + random.below(3));
      weight = (random.below(2) == 1 ? half_turns : -half_turns) * std::numbers::pi / 2;
    }
    const double phase = 2 * std::numbers::pi * random.uniform();
    waves.add(changed.differences(n, [&](Ranks r, size_t i) {
      double sum = phase;
      for (const auto& [column, weight] : terms) sum += weight * double{r[column][i]};
      return std::cos(sum);
    }));
  }
  return {std::max(evidence.deviation, waves.largest()), products + static_cast<double>(waves.size()),
          std::max(evidence.direction, waves.direction())};
}

}  // namespace fluxsbi::data
