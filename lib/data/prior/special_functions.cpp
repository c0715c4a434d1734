#include "data/prior/special_functions.hpp"

#include <cmath>
#include <numbers>

#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <boost/math/special_functions/gamma.hpp>

namespace fluxsbi::data {

namespace {

// All in double, so that platforms with and without a long double agree, and limits instead of exceptions.
namespace rule = boost::math::policies;
using Rules =
    rule::policy<rule::promote_double<false>, rule::promote_float<false>,
                 rule::domain_error<rule::ignore_error>, rule::pole_error<rule::ignore_error>,
                 rule::overflow_error<rule::ignore_error>, rule::evaluation_error<rule::ignore_error>>;
const Rules rules{};

}  // namespace

double log_gamma(double value) {
  return boost::math::lgamma(value, rules);
}

double normal_below(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

double normal_quantile(double p) {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p, rules);
}

double half_normal_quantile(double p) {
  return std::numbers::sqrt2 * boost::math::erf_inv(p, rules);
}

double beta_below(double a, double b, double x) {
  return boost::math::ibeta(a, b, x, rules);
}

double beta_above(double a, double b, double x) {
  return boost::math::ibetac(a, b, x, rules);
}

double beta_quantile(double a, double b, double p) {
  return boost::math::ibeta_inv(a, b, p, rules);
}

double beta_upper_quantile(double a, double b, double p) {
  return boost::math::ibetac_inv(a, b, p, rules);
}

double gamma_below(double a, double x) {
  return std::isinf(x) ? 1 : boost::math::gamma_p(a, x, rules);
}

double gamma_above(double a, double x) {
  return std::isinf(x) ? 0 : boost::math::gamma_q(a, x, rules);
}

double gamma_quantile(double a, double p) {
  return boost::math::gamma_p_inv(a, p, rules);
}

double gamma_upper_quantile(double a, double p) {
  return boost::math::gamma_q_inv(a, p, rules);
}

double student_below(double df, double t) {
  if (std::isinf(t)) return t > 0 ? 1 : 0;
  return boost::math::cdf(boost::math::students_t_distribution<double, Rules>(df), t);
}

double student_quantile(double df, double p) {
  return boost::math::quantile(boost::math::students_t_distribution<double, Rules>(df), p);
}

}  // namespace fluxsbi::data
