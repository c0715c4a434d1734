#include "data/regression_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "core/error.hpp"
#include "core/philox.hpp"
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
      solve_cholesky(*factor, column);
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

  void take(std::span<const double> z, std::span<const float> s) {
    low.resize(z.size(), std::numeric_limits<double>::infinity());
    high.resize(z.size(), -std::numeric_limits<double>::infinity());
    for (size_t k = 0; k < z.size(); ++k) {
      low[k] = std::min(low[k], z[k]);
      high[k] = std::max(high[k], z[k]);
    }
    constexpr size_t most_rows = 2000;
    if (inputs.size() < most_rows * s.size()) inputs.insert(inputs.end(), s.begin(), s.end());
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

// What z is regressed on: 1, standardised x, and cosines of `waves` random directions of it, of which each
// turns by about one radian where all values of x change by a deviation.
class Inputs {
 public:
  Inputs(size_t values, size_t waves) : values_(values), phases_(waves), directions_(waves * values) {
    core::Philox random(0, core::Purpose::initialisation);
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<size_t>(values, 1)));
    for (double& phase : phases_) phase = 2 * std::numbers::pi * random.uniform();
    for (double& number : directions_) number = scale * random.normal();
  }

  size_t size() const { return 1 + values_ + phases_.size(); }
  void fill(std::span<const float> x, std::span<double> inputs) const {
    inputs[0] = 1;
    std::copy(x.begin(), x.end(), inputs.begin() + 1);
    for (size_t wave = 0; wave < phases_.size(); ++wave) {
      double angle = phases_[wave];
      for (size_t i = 0; i < values_; ++i)
        angle += directions_[wave * values_ + i] * static_cast<double>(x[i]);
      inputs[1 + values_ + wave] = std::cos(angle);
    }
  }

 private:
  size_t values_;
  std::vector<double> phases_, directions_;  // [waves], [waves, values]
};

// Calls take(number, z [t], s [values]) with up to `most` evenly spaced ones of the rows `training`.
template <typename Take>
void each_row(const RowSource& rows, std::span<const int64_t> training, const Standardiser& theta,
              const Standardiser& x, int64_t most, const Take& take) {
  const size_t t = theta.mean.size(), values = x.mean.size();
  constexpr int64_t numbers_at_once = int64_t{1} << 22;
  const int64_t total = std::ssize(training), taken = std::min(total, most),
                block = std::max<int64_t>(1, numbers_at_once / static_cast<int64_t>(std::max(values, t)));
  for (int64_t first = 0; first < taken; first += block) {
    std::vector<int64_t> chosen;
    for (int64_t i = first; i < std::min(first + block, taken); ++i)
      chosen.push_back(training[static_cast<size_t>(i * total / taken)]);
    std::vector<double> of_theta(chosen.size() * t), of_x(chosen.size() * values);
    read_rows(rows.theta(), chosen, of_theta);
    read_rows(rows.x(), chosen, of_x);
    const std::vector<double> z = theta.standardised(of_theta);
    const std::vector<float> s = x.apply(of_x);
    for (size_t i = 0; i < chosen.size(); ++i)
      take(static_cast<size_t>(first) + i, std::span(z).subspan(i * t, t),
           std::span(s).subspan(i * values, values));
  }
}

class FoldedRows {
 public:
  FoldedRows(size_t t, size_t values, size_t waves)
      : inputs_(values, waves),
        row_(inputs_.size()),
        sums_{std::vector<Sums>(folds, Sums(inputs_.size(), t)), Sums(inputs_.size(), t)} {}

  void take(size_t number, std::span<const double> z, std::span<const float> s) {
    inputs_.fill(s, row_);
    sums_.parts[number % folds].add(row_, z);
  }
  FoldSums finish() && {
    for (const Sums& part : sums_.parts) sums_.all.add(part);
    return std::move(sums_);
  }

 private:
  Inputs inputs_;
  std::vector<double> row_;
  FoldSums sums_;
};

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

// Variances of what the best regression with cosines leaves in rows that were left out.
std::vector<double> curved_left(const RowSource& rows, std::span<const int64_t> training,
                                const Standardiser& theta, const Standardiser& x) {
  FoldedRows curved(theta.mean.size(), x.mean.size(), random_waves);
  each_row(rows, training, theta, x, most_curved_rows,
           [&](size_t number, auto z, auto s) { curved.take(number, z, s); });
  const FoldSums sums = std::move(curved).finish();
  return sums.left(best_penalties(sums));
}

// FittedRegression::curved.
double curved_of(std::span<const double> left_by_curved, std::span<const double> left_by_linear,
                 std::span<const double> explained) {
  double sum = 0;
  int64_t count = 0;
  for (size_t k = 0; k < explained.size(); ++k) {
    if (explained[k] == 0) continue;
    // of a feature that x determines nothing is left to explain
    if (left_by_linear[k] > least_variance) sum += std::max(0.0, 1 - left_by_curved[k] / left_by_linear[k]);
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

}  // namespace

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
  FoldedRows linear(theta.mean.size(), x.mean.size(), 0);
  each_row(rows, training, theta, x, most_regression_rows, [&](size_t number, auto z, auto s) {
    ends.take(z, s);
    linear.take(number, z, s);
  });
  const FoldSums sums = std::move(linear).finish();
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
  fitted.own_scale.assign(t, 1);
  std::vector<double> own(t);
  add_left(sums.all, all, own);
  for (size_t k = 0; k < t; ++k) {
    if (!penalty_of[k]) continue;  // learned as it is
    fitted.regression.offset[k] = all[k];
    fitted.regression.scale[k] = std::sqrt(std::max(left[k], least_variance));
    fitted.own_scale[k] = std::sqrt(std::max(own[k] / sums.all.rows, least_variance));
    for (size_t i = 0; i < p; ++i) fitted.regression.weights[k * p + i] = all[(i + 1) * t + k];
  }
  fitted.cut = cut_of(fitted.regression, ends);
  fitted.curved = curved_of(curved_left(rows, training, theta, x), left, fitted.explained);
  return fitted;
}

std::string harm_of(const FittedRegression& fitted) {
  const std::string end = " are known to do no harm";
  if (fitted.cut > most_cut) {
    return "the ends of theta would cut the residuals of " + core::brief_text(fitted.cut) +
           " parameters of a row on average, and up to " + core::brief_text(most_cut) + end;
  }
  if (fitted.curved > most_curved) {
    const auto percent = [](double share) {
      return std::to_string(static_cast<int>(std::lround(100 * share))) + " %";
    };
    return "theta is not a linear function of x: a curved one explains " + percent(fitted.curved) +
           " of what the linear one leaves, and up to " + percent(most_curved) + end;
  }
  return "";
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
