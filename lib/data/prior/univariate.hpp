// Distributions of one parameter, the kinds of `prior.parameters` that stand for themselves: density,
// distribution function and quantiles on both sides, so that no tail loses its digits.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "core/philox.hpp"

namespace fluxsbi::data {

class Univariate {
 public:
  virtual ~Univariate() = default;
  /// The ends of the support, infinite where there is none. A finite end belongs to the support.
  virtual std::pair<double, double> ends() const = 0;
  /// Natural logarithm of the normalised density at a value of the support; it may be infinite at an end.
  virtual double log_density(double value) const = 0;
  /// The probability of a smaller value, and of a larger one.
  virtual double below(double value) const = 0;
  virtual double above(double value) const = 0;
  /// The value below which the share p in (0, 1) of the probability lies, and the one above which it lies.
  virtual double quantile(double p) const = 0;
  virtual double upper_quantile(double p) const = 0;
  /// One draw: the quantile of a uniform number, unless the kind has its own way.
  virtual double sample(core::Philox& random) const;
  /// log of the probability of a value between low < high, two values of the support.
  virtual double log_mass(double low, double high) const;
  /// The value between low < high below which the share u in (0, 1) of the probability between them lies.
  virtual double quantile_between(double u, double low, double high) const;
};

/// True if `value` lies between the ends, where an end counts as itself and as what float32 makes of it:
/// files hold 0.1 as 0.10000000149. False for NaN and infinite values.
bool between_ends(double value, const std::pair<double, double>& ends);

/// `base` confined to [low, high], which lie in its support (either may be infinite), and normalised again.
std::unique_ptr<Univariate> truncated(std::unique_ptr<Univariate> base, double low, double high);

// The kinds, from the numbers of their keys in the order of the registry (kinds.cpp). All numbers have been
// checked.
std::unique_ptr<Univariate> make_uniform(std::span<const double> low_high);
std::unique_ptr<Univariate> make_loguniform(std::span<const double> low_high);
std::unique_ptr<Univariate> make_normal(std::span<const double> mean_std);
std::unique_ptr<Univariate> make_lognormal(std::span<const double> mean_std);
std::unique_ptr<Univariate> make_halfnormal(std::span<const double> std);
std::unique_ptr<Univariate> make_exponential(std::span<const double> rate);
std::unique_ptr<Univariate> make_beta(std::span<const double> alpha_beta);
std::unique_ptr<Univariate> make_gamma(std::span<const double> shape_rate);
std::unique_ptr<Univariate> make_student(std::span<const double> df_mean_scale);

}  // namespace fluxsbi::data
