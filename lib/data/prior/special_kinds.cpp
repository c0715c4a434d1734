// The kinds whose distribution functions are special functions.
#include <cmath>
#include <limits>
#include <numbers>

#include "data/prior/special_functions.hpp"
#include "data/prior/univariate.hpp"

namespace fluxsbi::data {

namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();

/// power * log(value), which is 0 for power 0 even where value is 0.
double log_power(double power, double value) {
  return power == 0 ? 0 : power * std::log(value);
}

class Beta final : public Univariate {
 public:
  Beta(double a, double b) : a_(a), b_(b), log_constant_(log_gamma(a + b) - log_gamma(a) - log_gamma(b)) {}
  std::pair<double, double> ends() const override { return {0, 1}; }
  double log_density(double value) const override {
    return log_constant_ + log_power(a_ - 1, value) + log_power(b_ - 1, 1 - value);
  }
  double below(double value) const override { return beta_below(a_, b_, value); }
  double above(double value) const override { return beta_above(a_, b_, value); }
  double quantile(double p) const override { return beta_quantile(a_, b_, p); }
  double upper_quantile(double p) const override { return beta_upper_quantile(a_, b_, p); }

 private:
  double a_, b_, log_constant_;
};

/// Density proportional to theta^(shape - 1) exp(-rate theta).
class Gamma final : public Univariate {
 public:
  Gamma(double shape, double rate)
      : shape_(shape), rate_(rate), log_constant_(shape * std::log(rate) - log_gamma(shape)) {}
  std::pair<double, double> ends() const override { return {0, no_end}; }
  double log_density(double value) const override {
    return log_constant_ + log_power(shape_ - 1, value) - rate_ * value;
  }
  double below(double value) const override { return gamma_below(shape_, rate_ * value); }
  double above(double value) const override { return gamma_above(shape_, rate_ * value); }
  double quantile(double p) const override { return gamma_quantile(shape_, p) / rate_; }
  double upper_quantile(double p) const override { return gamma_upper_quantile(shape_, p) / rate_; }

 private:
  double shape_, rate_, log_constant_;
};

/// Student's t, moved by `mean` and stretched by `scale`, which is not its standard deviation.
class Student final : public Univariate {
 public:
  Student(double df, double mean, double scale)
      : df_(df),
        mean_(mean),
        scale_(scale),
        log_constant_(log_gamma((df + 1) / 2) - log_gamma(df / 2) - 0.5 * std::log(df * std::numbers::pi) -
                      std::log(scale)) {}
  std::pair<double, double> ends() const override { return {-no_end, no_end}; }
  double log_density(double value) const override {
    const double t = (value - mean_) / scale_;
    return log_constant_ - 0.5 * (df_ + 1) * std::log1p(t * t / df_);
  }
  double below(double value) const override { return student_below(df_, (value - mean_) / scale_); }
  double above(double value) const override { return student_below(df_, (mean_ - value) / scale_); }
  double quantile(double p) const override { return mean_ + scale_ * student_quantile(df_, p); }
  double upper_quantile(double p) const override { return mean_ - scale_ * student_quantile(df_, p); }

 private:
  double df_, mean_, scale_, log_constant_;
};

}  // namespace

std::unique_ptr<Univariate> make_beta(std::span<const double> alpha_beta) {
  return std::make_unique<Beta>(alpha_beta[0], alpha_beta[1]);
}
std::unique_ptr<Univariate> make_gamma(std::span<const double> shape_rate) {
  return std::make_unique<Gamma>(shape_rate[0], shape_rate[1]);
}
std::unique_ptr<Univariate> make_student(std::span<const double> df_mean_scale) {
  return std::make_unique<Student>(df_mean_scale[0], df_mean_scale[1], df_mean_scale[2]);
}

}  // namespace fluxsbi::data
