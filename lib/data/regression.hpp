// A linear regression of theta on x, whose residual is what networks learn.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fluxsbi::data {

/// What networks learn of theta given x: theta itself (none), or what a linear regression on x leaves of it.
/// automatic: linear, unless it is known to do harm (regression_fit.hpp).
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

}  // namespace fluxsbi::data
