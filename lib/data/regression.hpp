// A linear regression of theta on x, whose residual is what networks learn.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/source/row_source.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::data {

/// What networks learn of theta given x: theta itself (none), or what a linear regression on x leaves of it.
/// automatic: linear, unless the ends of theta would cut the residuals too often (most_cut).
enum class RegressionKind { none, linear, automatic };
std::span<const std::string_view> enum_names(RegressionKind);

/// With z the standardised theta and s the standardised x of one row, for each feature of theta
///   z = offset + weights . s + scale r.
/// Networks learn r, the residual, which has mean 0 and variance 1 over rows that the fit has not seen. Given
/// x this is a change of variables with a constant Jacobian, so that densities stay exact:
/// log p(z | x) = log p(r | x) - sum log scale. Everything is computed in double.
///
/// A posterior that is narrow and moves with x has a place and a width of its own in z, and nearly the same
/// ones for all x in r; what is left to learn is what is not linear.
struct Regression {
  std::vector<double> offset;   ///< [theta size]; empty: no regression, r = z
  std::vector<double> weights;  ///< [theta size, x size]
  std::vector<double> scale;    ///< [theta size], > 0

  bool empty() const { return offset.empty(); }
  /// Where the residual 0 lies for standardised x [rows, x size]: z [rows, theta size].
  std::vector<double> centres(std::span<const float> x) const;
  /// z [rows, theta size] becomes r, and back, in place.
  void to_residual(std::span<double> z, std::span<const double> centres) const;
  void from_residual(std::span<double> r, std::span<const double> centres) const;
};

/// A regression and what it explains.
struct FittedRegression {
  Regression regression;  ///< empty where it would explain nothing
  /// Of each feature's variance, the share that x tells linearly, [theta size].
  std::vector<double> explained;
  /// How many features of a row have an end of theta's range within two deviations of their residual's
  /// centre, on average over rows: such an end moves with x in the residual, and stands still in theta.
  double cut = 0;
};
/// With more than this, `automatic` leaves theta as it is (docs/recipe.md).
inline constexpr double most_cut = 2;

/// Fits by ridge regression to up to most_regression_rows evenly spaced ones of the rows `training`, after
/// standardisation. Each feature's penalty is chosen by five folds of these rows, whose left-out residuals
/// give `scale` as well: residuals of the rows of a fit are too small. A feature of which less than a
/// twentieth is explained keeps weights of 0. Throws UserError for fewer than least_regression_rows rows, and
/// for no x or more than most_regression_values values of it.
FittedRegression fit_regression(const RowSource& rows, std::span<const int64_t> training,
                                const Standardiser& theta, const Standardiser& x);
inline constexpr int64_t most_regression_rows = 100'000, least_regression_rows = 20,
                         most_regression_values = 500;

/// What the fit found, in one line: "data.regression: linear: x explains ...".
std::string remark_of(const FittedRegression& fitted, const std::vector<std::string>& theta_names);
/// Why `automatic` does not take it: "data.regression: auto: none, because ...".
std::string remark_of_cut(const FittedRegression& fitted);

}  // namespace fluxsbi::data
