// The special functions that distributions are made of, from Boost.Math, which one source file sees, and
// constants.
#pragma once

#include <limits>

namespace fluxsbi::data {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// log Gamma(value), value > 0. Unlike std::lgamma it writes no global variable.
double log_gamma(double value);

/// The standard normal's distribution function, and its inverse for p in (0, 1).
double normal_below(double z);
double normal_quantile(double p);
/// The distance between its quartiles.
inline constexpr double quartiles_of_normal = 1.3489795003921634;
/// The z above 0 between which and -z the share p in (0, 1) of it lies.
double half_normal_quantile(double p);

/// The regularised incomplete beta function I_x(a, b) and 1 - I_x(a, b), x in [0, 1], and their inverses in
/// x.
double beta_below(double a, double b, double x);
double beta_above(double a, double b, double x);
double beta_quantile(double a, double b, double p);
double beta_upper_quantile(double a, double b, double p);

/// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), x >= 0, and their inverses
/// in x.
double gamma_below(double a, double x);
double gamma_above(double a, double x);
double gamma_quantile(double a, double p);
double gamma_upper_quantile(double a, double p);

/// Student's t with `df` degrees of freedom, mean 0 and scale 1: the probability below t, and its inverse.
double student_below(double df, double t);
double student_quantile(double df, double p);

}  // namespace fluxsbi::data
