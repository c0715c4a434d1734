#include "data/tasks/fitted_density.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prior/density.hpp"

namespace fluxsbi::data {

namespace {

constexpr size_t first_points = 8000, stage_points = 2000, bound_points = 10000;
constexpr double stage_efficiency = 0.25;  // at which t grows
constexpr double good_efficiency = 0.75;   // of a mixture that needs no further stage at t = 1
constexpr int polishing = 4, most_stages = 60;
constexpr double least_efficiency = 0.05;
constexpr double slack = 1.5;
constexpr uint64_t pilot_seed = 0x66697474;  // any: the fit depends on the likelihood alone

}  // namespace

/// Points of the proposal, with what their weights are made of.
struct FittedDensity::Stage {
  std::vector<double> points, log_likelihood, log_prior_ratio;  ///< prior over proposal

  size_t count() const { return log_likelihood.size(); }

  bool possible() const {
    return std::any_of(log_likelihood.begin(), log_likelihood.end(),
                       [](double value) { return value > -std::numeric_limits<double>::infinity(); });
  }
  double log_weight(size_t i, double t) const { return log_prior_ratio[i] + t * log_likelihood[i]; }

  double largest(double t) const {
    double most = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < count(); ++i) most = std::max(most, log_weight(i, t));
    return most;
  }
  /// Weights of the density N L^t, which sum to 1.
  std::vector<double> weights(double t) const {
    std::vector<double> weights(count());
    const double most = largest(t);
    double sum = 0;
    for (size_t i = 0; i < count(); ++i) sum += weights[i] = std::exp(log_weight(i, t) - most);
    for (double& weight : weights) weight /= sum;
    return weights;
  }
  double efficiency(double t) const {
    double squares = 0;
    for (const double weight : weights(t)) squares += weight * weight;
    return 1 / (squares * static_cast<double>(count()));
  }
  /// The largest t above `from` at which enough points are effective; `from` if none.
  double next(double from) const {
    if (efficiency(1) >= stage_efficiency) return 1;
    double low = std::max(from, 1e-12), high = 1;
    for (int i = 0; i < 40; ++i) {
      const double middle = std::sqrt(low * high);  // t grows over decades
      (efficiency(middle) >= stage_efficiency ? low : high) = middle;
    }
    return low;
  }
};

FittedDensity::Stage FittedDensity::drawn(size_t count, core::Philox& random) const {
  const size_t dim = proposal_.dim();
  Stage stage;
  stage.points.resize(count * dim);
  for (size_t i = 0; i < count; ++i) {
    const auto z = std::span(stage.points).subspan(i * dim, dim);
    proposal_.sample(random, z);
    double log_prior = 0;
    for (const double value : z) log_prior += log_normal(value, 0, 1);
    stage.log_prior_ratio.push_back(log_prior - proposal_.log_density(z));
    stage.log_likelihood.push_back(log_likelihood_(z));
  }
  return stage;
}

FittedDensity::FittedDensity(LogLikelihood log_likelihood, size_t dim, const std::string& subject)
    : log_likelihood_(std::move(log_likelihood)), subject_(subject), proposal_(dim) {
  core::Philox random(pilot_seed, core::Purpose::posterior);
  Stage stage = drawn(first_points, random);
  if (!stage.possible()) {
    throw core::UserError(subject_ + " is impossible at each of " + std::to_string(first_points) +
                          " draws of the prior; check that the observation belongs to this task");
  }
  double t = 0;
  int at_one = 0;
  for (int i = 0; i < most_stages && at_one < polishing; ++i) {
    t = stage.next(t);
    if (t == 1) ++at_one;
    if (t == 1 && stage.efficiency(1) >= good_efficiency) break;
    proposal_.fit(stage.points, stage.weights(t), random);
    stage = drawn(stage_points, random);
  }
  stage = drawn(bound_points, random);
  efficiency_ = stage.possible() ? stage.efficiency(1) : 0;
  if (!(efficiency_ >= least_efficiency)) {
    throw core::UserError(subject_ + ": only " + core::brief_text(100 * efficiency_) +
                          " % of the points that approximate its posterior are effective, and " +
                          core::brief_text(100 * least_efficiency) +
                          " % are needed; check that the observation belongs to this task");
  }
  log_bound_ = stage.largest(1) + std::log(slack);
}

double FittedDensity::log_ratio(std::span<const double> z) const {
  double log_prior = 0;
  for (const double value : z) log_prior += log_normal(value, 0, 1);
  return log_prior + log_likelihood_(z) - proposal_.log_density(z);
}

void FittedDensity::sample(core::Philox& random, std::span<double> z) const {
  for (int64_t attempt = 0; attempt < max_posterior_tries; ++attempt) {
    proposal_.sample(random, z);
    if (std::log(random.uniform_open()) < log_ratio(z) - log_bound_) return;
  }
  throw core::UserError(subject_ + ": no draw in " + std::to_string(max_posterior_tries) + " tries");
}

PosteriorDraw fitted_posterior(const Task& task, std::span<const double> x) {
  const auto dim = static_cast<size_t>(task.theta_dim());
  const PriorOptions prior = task.prior().options();
  core::require(prior.kind == PriorKind::lognormal, "the prior is lognormal");
  const auto theta_of = [prior](std::span<const double> z, std::span<double> theta) {
    const auto entry = [](const std::vector<double>& list, size_t i) {
      return list[list.size() == 1 ? 0 : i];
    };
    for (size_t i = 0; i < z.size(); ++i) {
      theta[i] = std::exp(entry(prior.mean, i) + entry(prior.scale, i) * z[i]);
    }
  };
  const std::vector<double> observation(x.begin(), x.end());
  const auto log_likelihood = [&task, theta_of, observation, dim](std::span<const double> z) {
    std::vector<double> theta(dim);
    theta_of(z, theta);
    return task.log_likelihood(theta, observation);
  };
  return [theta_of,
          density = FittedDensity(log_likelihood, dim,
                                  "task " + std::string(task.name()) + ": " + Task::observation_text(x))](
             core::Philox& random, std::span<double> theta) {
    std::vector<double> z(theta.size());
    density.sample(random, z);
    theta_of(z, theta);
  };
}

}  // namespace fluxsbi::data
