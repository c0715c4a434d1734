#include "data/regression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prior/cholesky.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t folds = 5;
constexpr double least_explained = 0.05;
constexpr double least_variance = 1e-10;  // of theta that x determines: sums of squares are exact to 1e-12
constexpr double penalties[] = {1e-6, 1e-3, 1e-2, 1e-1,
                                1,    10,   100};  // a row's share of them, with s of variance 1

// Sums of products over rows of (1, s) with themselves and with z, and of the squares of z.
struct Sums {
  Sums(size_t p, size_t t) : p(p), t(t), inputs(p * p), mixed(p * t), outputs(t) {}

  void add(std::span<const double> s, std::span<const double> z) {
    for (size_t i = 0; i < p; ++i) {
      for (size_t j = 0; j <= i; ++j) inputs[i * p + j] += s[i] * s[j];
      for (size_t k = 0; k < t; ++k) mixed[i * t + k] += s[i] * z[k];
    }
    for (size_t k = 0; k < t; ++k) outputs[k] += z[k] * z[k];
    ++rows;
  }
  void add(const Sums& other, double sign = 1) {
    const auto each = [&](std::vector<double>& mine, const std::vector<double>& theirs) {
      for (size_t i = 0; i < mine.size(); ++i) mine[i] += sign * theirs[i];
    };
    each(inputs, other.inputs);
    each(mixed, other.mixed);
    each(outputs, other.outputs);
    rows += sign * other.rows;
  }

  size_t p, t;
  double rows = 0;
  std::vector<double> inputs, mixed, outputs;  // inputs: the lower half
};

// Solves R R^T w = b in place, R lower triangular [n, n].
void solve(std::span<const double> factor, std::span<double> b) {
  const size_t n = b.size();
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < i; ++j) b[i] -= factor[i * n + j] * b[j];
    b[i] /= factor[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t j = i + 1; j < n; ++j) b[i] -= factor[j * n + i] * b[j];
    b[i] /= factor[i * n + i];
  }
}

// Coefficients [p, t] of z on (1, s), the first of which, the offset, has no penalty. Each feature has its
// own penalty; a feature with none keeps its mean alone.
std::vector<double> coefficients(const Sums& sums, std::span<const std::optional<double>> penalty_of) {
  const size_t p = sums.p, t = sums.t;
  std::vector<double> all(p * t), column(p);
  for (const double penalty : penalties) {
    if (std::find(penalty_of.begin(), penalty_of.end(), penalty) == penalty_of.end()) continue;
    std::vector<double> matrix = sums.inputs;
    for (size_t i = 1; i < p; ++i) matrix[i * p + i] += penalty * sums.rows;
    const auto factor = cholesky(matrix, p);
    core::require(factor.has_value(), "a penalty makes the sums of products positive definite");
    for (size_t k = 0; k < t; ++k) {
      if (penalty_of[k] != penalty) continue;
      for (size_t i = 0; i < p; ++i) column[i] = sums.mixed[i * t + k];
      solve(*factor, column);
      for (size_t i = 0; i < p; ++i) all[i * t + k] = column[i];
    }
  }
  for (size_t k = 0; k < t; ++k) {
    if (!penalty_of[k]) all[k] = sums.mixed[k] / sums.rows;
  }
  return all;
}

// Adds the sums of squares [t] of what these coefficients leave of z in the rows of `sums`.
void add_left(const Sums& sums, std::span<const double> all, std::span<double> left) {
  const size_t p = sums.p, t = sums.t;
  for (size_t k = 0; k < t; ++k) left[k] += sums.outputs[k];
  for (size_t i = 0; i < p; ++i) {
    for (size_t k = 0; k < t; ++k) left[k] -= 2 * all[i * t + k] * sums.mixed[i * t + k];
    for (size_t j = 0; j < p; ++j) {
      const double product = sums.inputs[std::max(i, j) * p + std::min(i, j)];
      for (size_t k = 0; k < t; ++k) left[k] += product * all[i * t + k] * all[j * t + k];
    }
  }
}

// Five parts of the rows and the whole of them.
struct FoldSums {
  std::vector<Sums> parts;
  Sums all;

  // Variances [t] of what is left of rows by coefficients of the other parts.
  std::vector<double> left(std::span<const std::optional<double>> penalty_of) const {
    std::vector<double> variances(all.t);
    for (const Sums& part : parts) {
      Sums others = all;
      others.add(part, -1);
      add_left(part, coefficients(others, penalty_of), variances);
    }
    for (double& value : variances) value /= all.rows;
    return variances;
  }
};

// The range of z, and some rows of s.
struct Ends {
  std::vector<double> low, high;
  std::vector<float> inputs;

  void take(std::span<const double> z, size_t t) {
    low.resize(t, std::numeric_limits<double>::infinity());
    high.resize(t, -std::numeric_limits<double>::infinity());
    for (size_t i = 0; i < z.size(); ++i) {
      low[i % t] = std::min(low[i % t], z[i]);
      high[i % t] = std::max(high[i % t], z[i]);
    }
  }
  void take_inputs(std::span<const float> s, size_t p) {
    constexpr size_t most_rows = 2000;
    const size_t room = most_rows * p - inputs.size();
    inputs.insert(inputs.end(), s.begin(), s.begin() + static_cast<std::ptrdiff_t>(std::min(room, s.size())));
  }
};

// FittedRegression::cut.
double cut_of(const Regression& regression, const Ends& ends) {
  constexpr double deviations = 2;
  const size_t t = regression.offset.size();
  const auto centres = regression.centres(ends.inputs);
  double count = 0;
  for (size_t i = 0; i < centres.size(); ++i) {
    if (!(ends.low[i % t] < ends.high[i % t])) continue;  // a constant has no range
    const double reach = deviations * regression.scale[i % t];
    count += centres[i] - reach < ends.low[i % t] || centres[i] + reach > ends.high[i % t];
  }
  return count / static_cast<double>(centres.size() / t);
}

FoldSums sums_of(const RowSource& rows, std::span<const int64_t> training, const Standardiser& theta,
                 const Standardiser& x, Ends& ends) {
  const size_t t = theta.mean.size(), p = x.mean.size() + 1;
  FoldSums sums{std::vector<Sums>(folds, Sums(p, t)), Sums(p, t)};
  constexpr int64_t numbers_at_once = int64_t{1} << 22;
  const int64_t total = std::ssize(training), taken = std::min(total, most_regression_rows),
                block = std::max<int64_t>(1, numbers_at_once / static_cast<int64_t>(std::max(p, t)));
  std::vector<double> input(p, 1);
  for (int64_t first = 0; first < taken; first += block) {
    std::vector<int64_t> chosen;
    for (int64_t i = first; i < std::min(first + block, taken); ++i)
      chosen.push_back(training[static_cast<size_t>(i * total / taken)]);
    std::vector<double> of_theta(chosen.size() * t), of_x(chosen.size() * (p - 1));
    read_rows(rows.theta(), chosen, of_theta);
    read_rows(rows.x(), chosen, of_x);
    const std::vector<double> z = theta.standardised(of_theta);
    const std::vector<float> s = x.apply(of_x);
    ends.take(z, t);
    ends.take_inputs(s, p - 1);
    for (size_t i = 0; i < chosen.size(); ++i) {
      std::copy_n(s.begin() + static_cast<std::ptrdiff_t>(i * (p - 1)), p - 1, input.begin() + 1);
      sums.parts[(static_cast<size_t>(first) + i) % folds].add(input, std::span(z).subspan(i * t, t));
    }
  }
  for (const Sums& part : sums.parts) sums.all.add(part);
  return sums;
}

// Variances of the features about their means.
std::vector<double> spread_of(const Sums& sums) {
  std::vector<double> spread(sums.t);
  for (size_t k = 0; k < sums.t; ++k) {
    const double mean = sums.mixed[k] / sums.rows;  // the first input is 1
    spread[k] = sums.outputs[k] / sums.rows - mean * mean;
  }
  return spread;
}

// The penalty of each feature that leaves least of it in rows that were left out.
std::vector<std::optional<double>> best_penalties(const FoldSums& sums) {
  const size_t t = sums.all.t;
  std::vector<std::optional<double>> best(t);
  std::vector<double> least(t, std::numeric_limits<double>::infinity());
  for (const double penalty : penalties) {
    const auto left = sums.left(std::vector<std::optional<double>>(t, penalty));
    for (size_t k = 0; k < t; ++k) {
      if (left[k] >= least[k]) continue;
      least[k] = left[k];
      best[k] = penalty;
    }
  }
  return best;
}

}  // namespace

std::span<const std::string_view> enum_names(RegressionKind) {
  static constexpr std::string_view names[] = {"none", "linear", "auto"};
  return names;
}

std::vector<double> Regression::centres(std::span<const float> x) const {
  const size_t t = offset.size(), p = weights.size() / t, rows = p == 0 ? 0 : x.size() / p;
  std::vector<double> all(rows * t);
  for (size_t row = 0; row < rows; ++row) {
    for (size_t k = 0; k < t; ++k) {
      double sum = offset[k];
      for (size_t i = 0; i < p; ++i) sum += weights[k * p + i] * static_cast<double>(x[row * p + i]);
      all[row * t + k] = sum;
    }
  }
  return all;
}

void Regression::to_residual(std::span<double> z, std::span<const double> centres) const {
  for (size_t i = 0; i < z.size(); ++i) z[i] = (z[i] - centres[i]) / scale[i % scale.size()];
}

void Regression::from_residual(std::span<double> r, std::span<const double> centres) const {
  for (size_t i = 0; i < r.size(); ++i) r[i] = centres[i] + scale[i % scale.size()] * r[i];
}

FittedRegression fit_regression(const RowSource& rows, std::span<const int64_t> training,
                                const Standardiser& theta, const Standardiser& x) {
  if (std::ssize(training) < least_regression_rows) {
    throw core::UserError("data.regression: linear needs " + std::to_string(least_regression_rows) +
                          " training rows or more, and there are " + std::to_string(training.size()) +
                          "; give more simulations, or set data.regression: none");
  }
  const int64_t values = rows.x().row_size();
  if (values < 1 || values > most_regression_values) {
    throw core::UserError("data.regression: linear is for 1 to " + std::to_string(most_regression_values) +
                          " values of x, and there are " + std::to_string(values) +
                          "; set data.regression: none");
  }
  Ends ends;
  const FoldSums sums = sums_of(rows, training, theta, x, ends);
  const auto spread = spread_of(sums.all);
  const size_t t = spread.size(), p = sums.all.p - 1;
  auto penalty_of = best_penalties(sums);
  const auto left = sums.left(penalty_of);
  FittedRegression fitted;
  for (size_t k = 0; k < t; ++k) {
    const double explained = spread[k] > 0 ? 1 - left[k] / spread[k] : 0;  // 0: constant, and kept
    if (explained < least_explained) penalty_of[k].reset();
    fitted.explained.push_back(penalty_of[k] ? explained : 0);
  }
  if (std::none_of(penalty_of.begin(), penalty_of.end(), [](const auto& one) { return one.has_value(); }))
    return fitted;
  const auto all = coefficients(sums.all, penalty_of);
  fitted.regression = {std::vector<double>(t, 0), std::vector<double>(t * p, 0), std::vector<double>(t, 1)};
  for (size_t k = 0; k < t; ++k) {
    if (!penalty_of[k]) continue;  // learned as it is
    fitted.regression.offset[k] = all[k];
    fitted.regression.scale[k] = std::sqrt(std::max(left[k], least_variance));
    for (size_t i = 0; i < p; ++i) fitted.regression.weights[k * p + i] = all[(i + 1) * t + k];
  }
  fitted.cut = cut_of(fitted.regression, ends);
  return fitted;
}

std::string remark_of_cut(const FittedRegression& fitted) {
  return "data.regression: auto: none, because the ends of theta would cut the residuals of " +
         core::brief_text(fitted.cut) + " parameters of a row on average, and up to " +
         core::brief_text(most_cut) + " are known to do no harm; the networks learn theta itself";
}

std::string remark_of(const FittedRegression& fitted, const std::vector<std::string>& theta_names) {
  if (fitted.regression.empty()) {
    return "data.regression: linear: nothing of theta is a linear function of x, and the networks learn "
           "theta itself";
  }
  std::vector<std::string> shares;
  for (size_t k = 0; k < theta_names.size(); ++k)
    shares.push_back(std::to_string(static_cast<int>(100 * fitted.explained[k])) + " % of " + theta_names[k]);
  return "data.regression: linear: a linear function of x explains " + core::list_first(shares, 6) +
         " (of their variances); the networks learn the rest";
}

}  // namespace fluxsbi::data
