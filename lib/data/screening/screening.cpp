#include "data/screening/screening.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/prior/cholesky.hpp"
#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t most_products = 60;      // of parameters
constexpr size_t most_pairs = 20'000;     // of values of x
constexpr uint64_t stream = 0x73637265;   // the same random pairs for every seed of a training
constexpr std::array penalties{0.1, 1.};  // of the ridge regressions, a row's share of inputs of variance 1

using Column = std::vector<float>;  // mean 0 and variance 1 over rows; empty: it does not vary

Column standardised(Column values) {
  double sum = 0, squares = 0;
  for (const float value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const float value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  if (!(deviation > 1e-6)) return {};
  for (float& value : values) value = static_cast<float>((value - mean) / deviation);
  return values;
}

// Sums in lanes, which compilers turn into vectors.
double dot(std::span<const float> a, std::span<const float> b) {
  constexpr size_t lanes = 16;
  std::array<float, lanes> sums{};
  const size_t n = std::min(a.size(), b.size());  // 0 where one does not vary
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (size_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = 0;
  for (const float one : sums) sum += one;
  for (; i < n; ++i) sum += double{a[i]} * b[i];
  return sum;
}

Column product(const Column& a, const Column& b) {
  Column both(std::min(a.size(), b.size()));
  for (size_t i = 0; i < both.size(); ++i) both[i] = a[i] * b[i];
  return both.empty() ? both : standardised(std::move(both));
}

// Legendre polynomials of the ranks of a column, which lie from -1 to 1; equal values have equal ranks.
std::array<Column, 3> polynomials(const JudgedRows& rows, size_t column) {
  const size_t n = rows.rows();
  std::vector<std::pair<double, size_t>> sorted(n);
  // Even rows first: the halves of the rows are the halves of every column.
  for (size_t i = 0, place = 0; i < n; ++i, ++place) {
    const size_t row = i < (n + 1) / 2 ? 2 * i : 2 * (i - (n + 1) / 2) + 1;
    sorted[place] = {rows.values[row * rows.width() + column], place};
  }
  std::sort(sorted.begin(), sorted.end());
  std::array<Column, 3> columns{Column(n), Column(n), Column(n)};
  for (size_t first = 0, last = 0; first < n; first = last) {
    while (last < n && sorted[last].first == sorted[first].first) ++last;
    const double r = static_cast<double>(first + last) / static_cast<double>(n) - 1;
    for (size_t i = first; i < last; ++i) {
      columns[0][sorted[i].second] = static_cast<float>(r);
      columns[1][sorted[i].second] = static_cast<float>(1.5 * r * r - 0.5);
      columns[2][sorted[i].second] = static_cast<float>(2.5 * r * r * r - 1.5 * r);
    }
  }
  for (Column& values : columns) values = standardised(std::move(values));
  return columns;
}

// All pairs i < j < size, or `most` of them at random.
std::vector<std::pair<size_t, size_t>> pairs_of(size_t size, size_t most) {
  std::vector<std::pair<size_t, size_t>> pairs;
  if (size * (size - std::min<size_t>(size, 1)) / 2 <= most) {
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = i + 1; j < size; ++j) pairs.emplace_back(i, j);
    }
    return pairs;
  }
  core::Philox random(0, core::Purpose::classifier, stream);
  while (pairs.size() < most) {
    const size_t i = random.below(size), j = random.below(size);
    if (i < j) pairs.emplace_back(i, j);
  }
  return pairs;
}

class Screen {
 public:
  explicit Screen(const JudgedRows& rows) : n_(rows.rows()), values_(rows.x_size) {
    for (size_t k = 0; k < rows.theta_size; ++k) {
      auto columns = polynomials(rows, k);
      theta_.push_back(columns[0]);
      for (Column& column : columns) targets_.push_back(std::move(column));
    }
    for (const auto& [k, l] : pairs_of(theta_.size(), most_products))
      targets_.push_back(product(theta_[k], theta_[l]));
    for (size_t j = 0; j < values_; ++j) x_.push_back(polynomials(rows, rows.theta_size + j));
  }

  std::vector<uint8_t> kept() const {
    const auto pairs = pairs_of(values_, most_pairs);
    const double looks = static_cast<double>(targets_.size() * (3 * values_ + pairs.size())) +
                         2.0 * static_cast<double>(values_ * values_);
    const double limit = normal_quantile(1 - screening_level / (2 * looks));
    std::vector<uint8_t> kept(values_);
    for (size_t j = 0; j < values_; ++j) {
      kept[j] = x_[j][0].empty();
      for (const Column& column : x_[j]) kept[j] = kept[j] || tells(column, limit);
    }
    for (const auto& [i, j] : pairs) {
      if (kept[i] && kept[j]) continue;
      if (tells(product(x_[i][0], x_[j][0]), limit)) kept[i] = kept[j] = 1;
    }
    keep_related(limit, kept);
    return kept;
  }

  // Whether the values that are not kept tell of theta, or of the others, together.
  bool tell_together(const std::vector<uint8_t>& kept) const {
    std::vector<const Column*> inputs, outputs;
    const auto add = [](const Column& column, std::vector<const Column*>& list) {
      if (!column.empty()) list.push_back(&column);
    };
    for (const Column& column : targets_) add(column, outputs);
    for (size_t j = 0; j < values_; ++j) {
      for (size_t degree = 0; degree < 2; ++degree) add(x_[j][degree], kept[j] ? outputs : inputs);
    }
    const double looks = static_cast<double>(penalties.size() * outputs.size());
    const double limit = normal_quantile(1 - screening_level / looks);
    for (const double penalty : penalties) {
      const std::vector<double> first = judged(inputs, outputs, 0, penalty),
                                second = judged(inputs, outputs, 1, penalty);
      for (size_t k = 0; k < outputs.size(); ++k) {
        if ((first[k] + second[k]) / 2 > limit) return true;
      }
    }
    return false;
  }

 private:
  // n^(1/2) times a correlation is normal with variance 1 where there is no dependence.
  double deviation(const Column& a, const Column& b) const {
    return std::abs(dot(a, b)) / std::sqrt(static_cast<double>(n_));
  }
  bool tells(const Column& column, double limit) const {
    return std::any_of(targets_.begin(), targets_.end(),
                       [&](const Column& target) { return deviation(column, target) > limit; });
  }
  bool related(size_t i, size_t j, double limit) const {
    for (size_t a = 0; a < 2; ++a) {
      for (size_t b = 0; b < 2; ++b) {
        if (deviation(x_[i][a], x_[j][b]) > limit) return true;
      }
    }
    return false;
  }
  void keep_related(double limit, std::vector<uint8_t>& kept) const {
    std::vector<size_t> open;
    for (size_t i = 0; i < values_; ++i) {
      if (kept[i]) open.push_back(i);
    }
    while (!open.empty()) {
      const size_t i = open.back();
      open.pop_back();
      for (size_t j = 0; j < values_; ++j) {
        if (kept[j] || !related(i, j, limit)) continue;
        kept[j] = 1;
        open.push_back(j);
      }
    }
  }

  std::span<const float> half(const Column& column, size_t which) const {
    const size_t first = (n_ + 1) / 2;
    return which == 0 ? std::span(column).first(first) : std::span(column).subspan(first);
  }

  // For each output, how far what a ridge regression of half `fitted` predicts goes with the output in the
  // other half, in standard errors.
  std::vector<double> judged(const std::vector<const Column*>& inputs,
                             const std::vector<const Column*>& outputs, size_t fitted, double penalty) const {
    const size_t p = inputs.size(), other = 1 - fitted;
    const auto rows = static_cast<double>(half(*inputs[0], fitted).size());
    std::vector<double> matrix(p * p);
    for (size_t i = 0; i < p; ++i) {
      for (size_t j = 0; j <= i; ++j)
        matrix[i * p + j] = dot(half(*inputs[i], fitted), half(*inputs[j], fitted));
      matrix[i * p + i] += penalty * rows;
    }
    const auto factor = cholesky(matrix, p);
    core::require(factor.has_value(), "a penalty makes the sums of products positive definite");
    std::vector<double> found;
    for (const Column* output : outputs) {
      std::vector<double> weights(p);
      for (size_t i = 0; i < p; ++i) weights[i] = dot(half(*inputs[i], fitted), half(*output, fitted));
      solve_cholesky(*factor, weights);
      const auto actual = half(*output, other);
      std::vector<double> along(actual.size());
      for (size_t i = 0; i < p; ++i) {
        const auto input = half(*inputs[i], other);
        for (size_t row = 0; row < along.size(); ++row) along[row] += weights[i] * double{input[row]};
      }
      double sum = 0, squares = 0;
      for (size_t row = 0; row < along.size(); ++row) {
        along[row] *= double{actual[row]};
        sum += along[row];
        squares += along[row] * along[row];
      }
      const auto count = static_cast<double>(along.size());
      const double mean = sum / count, variance = squares / count - mean * mean;
      found.push_back(variance > 0 ? mean / std::sqrt(variance / count) : 0);
    }
    return found;
  }

  size_t n_, values_;
  std::vector<Column> theta_, targets_;
  std::vector<std::array<Column, 3>> x_;
};

}  // namespace

Screening screen_values(const JudgedRows& rows) {
  core::require(std::cmp_greater_equal(rows.rows(), least_screened_rows) && rows.theta_size > 0 &&
                    rows.x_size > 0 && std::cmp_less_equal(rows.x_size, most_screened_values),
                "rows that can be screened");
  const Screen screen(rows);
  const std::vector<uint8_t> kept = screen.kept();
  const auto count = static_cast<size_t>(std::count(kept.begin(), kept.end(), uint8_t{1}));
  const std::string of_rows = " in " + std::to_string(rows.rows()) + " rows";
  Screening found;
  if (count == rows.x_size) {
    found.reason = "each of them has to do with theta" + of_rows;
  } else if (count == 0) {
    found.reason = "none of them shows a dependence on theta" + of_rows;
  } else if (screen.tell_together(kept)) {
    found.reason = "some show no dependence on theta by themselves, but do so together" + of_rows;
  } else {
    found.reason = "the others show no dependence on theta or on these" + of_rows;
    for (size_t j = 0; j < kept.size(); ++j) {
      if (kept[j]) found.kept.push_back(static_cast<int64_t>(j));
    }
    return found;
  }
  found.kept.resize(rows.x_size);
  std::iota(found.kept.begin(), found.kept.end(), int64_t{0});
  return found;
}

}  // namespace fluxsbi::data
