// The linear regression of theta on x is fitted to training rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/regression.hpp"
#include "data/source/row_source.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// A regression and what it explains.
struct FittedRegression {
  Regression regression;  ///< empty where it would explain nothing
  /// Of each feature's variance, the share that x tells linearly, [theta size].
  std::vector<double> explained;
  /// The scale of the residuals of the fit's own rows [theta size], which are smaller than those of others:
  /// by a share of values / rows, if there were no penalty.
  std::vector<double> own_scale;
  /// How many features of a row have an end of theta's range within two deviations of their residual's
  /// centre, on average over rows: such an end moves with x in the residual, and stands still in theta.
  double cut = 0;
  /// Of what the linear function leaves of its features, the share that a function of x which is not linear
  /// explains in rows that were left out, from 0 to 1, on average over features: the residual still moves
  /// with x.
  double curved = 0;
};
/// With more than these, `automatic` leaves theta as it is (docs/recipe.md).
inline constexpr double most_cut = 2, most_curved = 0.3;

/// Fits by ridge regression to up to most_regression_rows evenly spaced ones of the rows `training`, after
/// standardisation. Each feature's penalty is chosen by five folds of these rows, whose left-out residuals
/// give `scale` as well: residuals of the rows of a fit are too small (own_scale). A feature of which less
/// than a twentieth is explained keeps weights of 0. `curved` is of a second regression, of up to
/// most_curved_rows rows on x and random_waves cosines of random directions of x as well (random Fourier
/// features, Rahimi and Recht 2007). Throws UserError for fewer than least_regression_rows rows, and for no
/// x or more than most_regression_values values of it.
FittedRegression fit_regression(const RowSource& rows, std::span<const int64_t> training,
                                const Standardiser& theta, const Standardiser& x);
inline constexpr int64_t most_regression_rows = 100'000, least_regression_rows = 20,
                         most_regression_values = 500, most_curved_rows = 20'000, random_waves = 200;

/// What the fit found, in one line: "data.regression: linear: x explains ...".
std::string remark_of(const FittedRegression& fitted, const std::vector<std::string>& theta_names);
/// Why `automatic` does not take it, as a clause: "theta is not a linear function of x: ...". Empty where it
/// does.
std::string harm_of(const FittedRegression& fitted);

}  // namespace fluxsbi::data
