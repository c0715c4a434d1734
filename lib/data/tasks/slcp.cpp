#include "data/tasks/slcp.hpp"

#include <algorithm>
#include <cmath>

#include "data/prior/density.hpp"
#include "data/tasks/grid_density.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t draws = 4, slcp_values = 2 * draws;
constexpr double slcp_bound = 3, jitter = 1e-6;
// The grid's axes. A parameter is fold * sinh v: v is even for small ones, whose spread the jitter rules, and
// a logarithm for large ones.
constexpr double fold = 0.01, v_ridge = 0.03;
constexpr int grid_cells = 40;
const double v_bound = std::asinh(slcp_bound / fold);

/// Means of the draws and sums of squares and products about them.
struct Moments {
  double mean_0 = 0, mean_1 = 0, square_0 = 0, product = 0, square_1 = 0;
};

Moments moments_of(std::span<const double> x) {
  Moments of;
  for (size_t j = 0; j < draws; ++j) {
    of.mean_0 += x[2 * j] / draws;
    of.mean_1 += x[2 * j + 1] / draws;
  }
  for (size_t j = 0; j < draws; ++j) {
    const double first = x[2 * j] - of.mean_0, second = x[2 * j + 1] - of.mean_1;
    of.square_0 += first * first;
    of.product += first * second;
    of.square_1 += second * second;
  }
  return of;
}

/// log of |S|^(-3/2) exp(-tr(S^-1 A) / 2), A the sums of squares: the density of (theta_2, theta_3, theta_4)
/// given x where m may be anything.
double log_marginal(const Moments& of, double theta_2, double theta_3, double theta_4) {
  const double s_1 = theta_2 * theta_2, s_2 = theta_3 * theta_3, rho = std::tanh(theta_4);
  const double variance_0 = s_1 * s_1 + jitter, variance_1 = s_2 * s_2 + jitter;
  const double product = s_1 * s_2, jitters = jitter * (s_1 * s_1 + s_2 * s_2 + jitter);
  const double determinant = product * product * (1 - rho * rho) + jitters;  // nothing cancels
  const double trace = variance_1 * of.square_0 - 2 * rho * product * of.product + variance_0 * of.square_1;
  return -1.5 * std::log(determinant) - 0.5 * trace / determinant;
}

/// v of the value of a parameter that makes this sum of squares likeliest.
double likely_v(double square) {
  const double variance = std::max(square / (draws - 1) - jitter, 0.0);
  return std::min(std::asinh(std::sqrt(std::sqrt(variance)) / fold), v_bound);
}

/// Coordinates in which the density of |theta_2|, |theta_3|, theta_4 fits a grid: v_2 + v_3, the difference
/// v_2 - v_3 about its likeliest value, and theta_4. Where the draws are strongly correlated the density is a
/// ridge along v_2 + v_3, narrow in the difference: a sinh makes its cells fine there and wide far out.
class Spread {
 public:
  explicit Spread(const Moments& of)
      : moments_(of), difference_(likely_v(of.square_0) - likely_v(of.square_1)) {}

  Box box() const {
    const double low = std::asinh((-v_bound - difference_) / v_ridge);
    const double high = std::asinh((v_bound - difference_) / v_ridge);
    return {{0, low, -slcp_bound}, {2 * v_bound, high, slcp_bound}};
  }
  /// (v_2, v_3); outside [0, v_bound] where the grid's corners pass the prior's.
  std::array<double, 2> v(std::span<const double> at) const {
    const double difference = difference_ + v_ridge * std::sinh(at[1]);
    return {0.5 * (at[0] + difference), 0.5 * (at[0] - difference)};
  }
  /// Log density of the coordinates, their Jacobian included. Beyond the prior's bounds it goes on with its
  /// value at the bound, for the cells that a bound divides.
  double log_density(std::span<const double> at) const {
    const auto [v_2, v_3] = v(at);
    const double sinh_2 = std::sinh(std::clamp(v_2, 0.0, v_bound));
    const double sinh_3 = std::sinh(std::clamp(v_3, 0.0, v_bound)), sinh_1 = std::sinh(at[1]);
    const double squares = (1 + sinh_2 * sinh_2) * (1 + sinh_3 * sinh_3) * (1 + sinh_1 * sinh_1);
    return log_marginal(moments_, fold * sinh_2, fold * sinh_3, at[2]) + 0.5 * std::log(squares);  // cosh^2
  }

 private:
  Moments moments_;
  double difference_;
};

bool within(double v) {
  return v >= 0 && v <= v_bound;
}

}  // namespace

Slcp::Slcp() : prior_(make_prior({PriorKind::box, {-slcp_bound}, {slcp_bound}, {}, {}}, 5)) {}

std::array<double, 5> Slcp::location_scale(std::span<const double> theta) {
  const double s_1 = theta[2] * theta[2], s_2 = theta[3] * theta[3], rho = std::tanh(theta[4]);
  const double l_00 = std::sqrt(s_1 * s_1 + jitter), l_10 = rho * s_1 * s_2 / l_00;
  return {theta[0], theta[1], l_00, l_10, std::sqrt(s_2 * s_2 + jitter - l_10 * l_10)};
}

void Slcp::add_noise(std::span<const double> location_scale, std::span<const double> noise,
                     std::span<double> x) {
  for (size_t i = 0; i < slcp_values; i += 2) {
    x[i] = location_scale[0] + location_scale[2] * noise[i];
    x[i + 1] = location_scale[1] + location_scale[3] * noise[i] + location_scale[4] * noise[i + 1];
  }
}

void Slcp::simulate(std::span<const double> theta, core::Philox& random, std::span<double> x) const {
  std::array<double, slcp_values> noise;
  for (double& n : noise) n = random.normal();
  add_noise(location_scale(theta), noise, x);
}

double Slcp::log_likelihood(std::span<const double> theta, std::span<const double> x) const {
  const auto [m_0, m_1, l_00, l_10, l_11] = location_scale(theta);
  double sum = 0;
  for (size_t i = 0; i < slcp_values; i += 2) {
    const double n = (x[i] - m_0) / l_00;
    sum += log_normal(x[i], m_0, l_00) + log_normal(x[i + 1], m_1 + l_10 * n, l_11);
  }
  return sum;
}

std::vector<std::string> Slcp::edges(size_t tokens) const {
  const auto parameters = static_cast<size_t>(theta_dim());
  std::vector<std::string> rows(tokens, std::string(tokens, '1'));
  for (size_t i = parameters; i < tokens; ++i) {
    for (size_t j = parameters; j < tokens; ++j) {
      if ((i - parameters) / 2 != (j - parameters) / 2) rows[i][j] = '0';
    }
  }
  return rows;
}

PosteriorDraw Slcp::posterior(std::span<const double> x) const {
  const Moments of = moments_of(x);
  const Spread spread(of);
  const auto log_density = [spread](std::span<const double> at) { return spread.log_density(at); };
  const GridDensity grid(log_density, spread.box(), grid_cells);
  return [this, of, spread, grid, observation = std::vector<double>(x.begin(), x.end())](
             core::Philox& random, std::span<double> theta) {
    for (int64_t attempt = 0; attempt < max_posterior_tries; ++attempt) {
      std::array<double, 3> at{};
      grid.sample(random, at);
      const auto [v_2, v_3] = spread.v(at);
      if (!within(v_2) || !within(v_3)) continue;
      theta[2] = std::min(fold * std::sinh(v_2), slcp_bound) * (random.uniform() < 0.5 ? -1 : 1);
      theta[3] = std::min(fold * std::sinh(v_3), slcp_bound) * (random.uniform() < 0.5 ? -1 : 1);
      theta[4] = at[2];
      // m given the rest is N(mean, S / 4). All five are redrawn where it leaves the prior's box, for S with
      // it was drawn as if there were none.
      const auto scale = location_scale(theta);
      const double n_0 = random.normal() / std::sqrt(draws), n_1 = random.normal() / std::sqrt(draws);
      theta[0] = of.mean_0 + scale[2] * n_0;
      theta[1] = of.mean_1 + scale[3] * n_0 + scale[4] * n_1;
      if (prior_->in_support(theta)) return;
    }
    fail_posterior(observation);
  };
}

}  // namespace fluxsbi::data
