#include "diagnose/toy.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "core/philox.hpp"
#include "data/prior/truncated_normal.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::test {

namespace {

using Pair = std::array<double, 2>;

constexpr double noise_variance = 0.5, noise_covariance = 0.35;  // S of the Gaussian toy
constexpr double mode_at = 1.5, mode_sd = 0.3, mode_noise = 0.2;
constexpr double box_noise = 0.3, corner = 0.6;

double log_normal_density(double z, double sd) {
  return -0.5 * z * z - std::log(sd) - 0.5 * std::log(2 * std::numbers::pi);
}

// A normal in two dimensions.
struct Normal {
  Pair mean{}, sd{};
  double correlation = 0;

  Pair draw(core::Philox& random) const {
    const double first = random.normal(), second = random.normal();
    const double rest = std::sqrt(1 - correlation * correlation);
    return {mean[0] + sd[0] * first, mean[1] + sd[1] * (correlation * first + rest * second)};
  }
  double log_density(const Pair& theta) const {
    const double rest = std::sqrt(1 - correlation * correlation);
    const double first = (theta[0] - mean[0]) / sd[0], second = (theta[1] - mean[1]) / sd[1];
    return log_normal_density(first, sd[0]) +
           log_normal_density((second - correlation * first) / rest, sd[1] * rest);
  }
};

// The posterior's normal in a toy: of theta, of (m, b), or before the truncation.
Normal right_normal(Toy toy, const Pair& x) {
  if (toy == Toy::two_modes) {
    const double m = mode_sd * mode_sd / (mode_sd * mode_sd + mode_noise * mode_noise);
    const double b = 1 / (1 + mode_noise * mode_noise);
    return {{mode_at + m * (x[0] - mode_at), b * x[1]},
            {std::sqrt(m) * mode_noise, std::sqrt(b) * mode_noise},
            0};
  }
  if (toy == Toy::box) return {x, {box_noise, box_noise}, 0};
  // Along (1, 1) and (1, -1) the noise has the variances v + c and v - c, the prior 1.
  const double plus = noise_variance + noise_covariance, minus = noise_variance - noise_covariance;
  const double plus_gain = 1 / (1 + plus), minus_gain = 1 / (1 + minus);
  const double sum = plus_gain * (x[0] + x[1]), difference = minus_gain * (x[0] - x[1]);
  const double along = plus * plus_gain, across = minus * minus_gain, variance = 0.5 * (along + across);
  return {{0.5 * (sum + difference), 0.5 * (sum - difference)},
          {std::sqrt(variance), std::sqrt(variance)},
          0.5 * (along - across) / variance};
}

Pair draw_prior(Toy toy, core::Philox& random) {
  if (toy == Toy::gaussian) return {random.normal(), random.normal()};
  if (toy == Toy::box) return {2 * random.uniform() - 1, 2 * random.uniform() - 1};
  const double m = mode_at + mode_sd * random.normal();
  return {random.below(2) == 0 ? m : -m, random.normal()};
}

double log_prior(Toy toy, const Pair& theta) {
  if (toy == Toy::gaussian) return log_normal_density(theta[0], 1) + log_normal_density(theta[1], 1);
  if (toy == Toy::box) return -std::log(4.0);
  const double plus = (theta[0] - mode_at) / mode_sd, minus = (-theta[0] - mode_at) / mode_sd;
  return std::log(0.5 * (std::exp(log_normal_density(plus, mode_sd)) +
                         std::exp(log_normal_density(minus, mode_sd)))) +
         log_normal_density(theta[1], 1);
}

Pair simulate(Toy toy, const Pair& theta, core::Philox& random) {
  const Normal noise{
      {}, {std::sqrt(noise_variance), std::sqrt(noise_variance)}, noise_covariance / noise_variance};
  if (toy == Toy::gaussian) {
    const Pair off = noise.draw(random);
    return {theta[0] + off[0], theta[1] + off[1]};
  }
  const double sd = toy == Toy::box ? box_noise : mode_noise;
  const double first = toy == Toy::box ? theta[0] : std::abs(theta[0]);
  return {first + sd * random.normal(), theta[1] + sd * random.normal()};
}

// A posterior of a toy with its fault, for one x.
class Posterior {
 public:
  Posterior(const Fault& fault, const Pair& x) : fault_(fault), normal_(right_normal(fault.toy, x)) {
    if (fault.wrong == Wrong::shift)
      for (size_t j = 0; j < 2; ++j) normal_.mean[j] += fault.size * normal_.sd[j];
    if (fault.wrong == Wrong::width)
      for (double& sd : normal_.sd) sd *= fault.size;
    if (fault.wrong == Wrong::correlation) normal_.correlation = 0;
    truncated_ =
        fault.toy == Toy::box && !(fault.wrong == Wrong::ignored_prior && x[0] > corner && x[1] > corner);
  }

  Pair draw(core::Philox& random) const {
    if (fault_.wrong == Wrong::prior) return draw_prior(fault_.toy, random);
    if (truncated_) {
      Pair theta;
      for (size_t j = 0; j < 2; ++j)
        theta[j] = normal_.mean[j] + normal_.sd[j] * data::truncated_normal_quantile(random.uniform_open(),
                                                                                     end(j, -1), end(j, 1));
      return theta;
    }
    Pair theta = normal_.draw(random);
    if (fault_.toy == Toy::two_modes && fault_.wrong != Wrong::lost_mode && random.below(2) == 0)
      theta[0] = -theta[0];
    return theta;
  }

  double log_density(const Pair& theta) const {
    if (fault_.wrong == Wrong::prior) return log_prior(fault_.toy, theta);
    if (truncated_) {
      return normal_.log_density(theta) - data::log_normal_mass(end(0, -1), end(0, 1)) -
             data::log_normal_mass(end(1, -1), end(1, 1));
    }
    if (fault_.toy != Toy::two_modes || fault_.wrong == Wrong::lost_mode) return normal_.log_density(theta);
    return std::log(
        0.5 * (std::exp(normal_.log_density(theta)) + std::exp(normal_.log_density({-theta[0], theta[1]}))));
  }

 private:
  double end(size_t j, double at) const { return (at - normal_.mean[j]) / normal_.sd[j]; }

  Fault fault_;
  Normal normal_;
  bool truncated_ = false;
};

void append(std::vector<double>& values, const Pair& pair) {
  values.insert(values.end(), pair.begin(), pair.end());
}

void add_pair(diagnose::Evidence& evidence, const Fault& fault, core::Philox& random) {
  const Pair theta = draw_prior(fault.toy, random), x = simulate(fault.toy, theta, random);
  const Posterior posterior(fault, x);
  append(evidence.theta, theta);
  append(evidence.x, x);
  evidence.log_theta.push_back(posterior.log_density(theta));
  for (int64_t l = 0; l < evidence.draws; ++l) {
    const Pair draw = posterior.draw(random);
    append(evidence.samples, draw);
    if (l < evidence.density_draws) evidence.log_samples.push_back(posterior.log_density(draw));
  }
}

diagnose::Observation make_observation(const Fault& fault, const Pair& x, int64_t draws,
                                       core::Philox& random) {
  diagnose::Observation observation;
  const Posterior posterior(fault, x);
  observation.name = "toy row";
  observation.x = {x.begin(), x.end()};
  observation.draws = draws;
  for (int64_t m = 0; m < draws; ++m) {
    const Pair theta = posterior.draw(random);
    append(observation.theta, theta);
    append(observation.predictive, simulate(fault.toy, theta, random));
  }
  return observation;
}

}  // namespace

std::vector<Fault> faults() {
  return {{"none", Toy::gaussian, Wrong::nothing, 0},
          {"shift 0.1 sd", Toy::gaussian, Wrong::shift, 0.1},
          {"shift 0.2 sd", Toy::gaussian, Wrong::shift, 0.2},
          {"shift 0.5 sd", Toy::gaussian, Wrong::shift, 0.5},
          {"sd x 0.8", Toy::gaussian, Wrong::width, 0.8},
          {"sd x 1.25", Toy::gaussian, Wrong::width, 1.25},
          {"correlation lost", Toy::gaussian, Wrong::correlation, 0},
          {"a mode lost", Toy::two_modes, Wrong::lost_mode, 0},
          {"prior ignored in a corner", Toy::box, Wrong::ignored_prior, 0},
          {"posterior = prior", Toy::gaussian, Wrong::prior, 0}};
}

diagnose::Evidence make_evidence(const Fault& fault, const EvidenceSize& size, uint64_t seed) {
  diagnose::Evidence evidence;
  evidence.names = {"a", "b"};
  evidence.x_names = {"x_0", "x_1"};
  evidence.pairs = size.pairs;
  evidence.draws = size.draws;
  evidence.density_draws = size.density_draws;
  core::Philox random(seed, core::Purpose::test);
  for (int64_t n = 0; n < size.pairs; ++n) add_pair(evidence, fault, random);
  for (int64_t k = 0; k < size.observations; ++k)
    evidence.observations.push_back(make_observation(
        fault, simulate(fault.toy, draw_prior(fault.toy, random), random), size.observed_draws, random));
  for (int64_t k = 0; k < 1000; ++k) append(evidence.prior, draw_prior(fault.toy, random));
  return evidence;
}

diagnose::Evidence make_evidence_at(const Fault& fault, const EvidenceSize& size, uint64_t seed,
                                    const std::vector<double>& x) {
  diagnose::Evidence evidence = make_evidence(fault, size, seed);
  core::Philox random(seed, core::Purpose::test, 1);
  for (diagnose::Observation& observation : evidence.observations)
    observation = make_observation(fault, {x[0], x[1]}, size.observed_draws, random);
  return evidence;
}

diagnose::Evidence make_task_evidence(const std::string& name, int64_t pairs, int64_t draws, uint64_t seed) {
  const auto task = data::make_task(name);
  diagnose::Evidence evidence;
  for (int64_t j = 0; j < task->theta_dim(); ++j) evidence.names.push_back("theta_" + std::to_string(j));
  for (int64_t i = 0; i < task->x_dim(); ++i) evidence.x_names.push_back("x_" + std::to_string(i));
  evidence.pairs = pairs;
  evidence.draws = draws;
  core::Philox random(seed, core::Purpose::test);
  std::vector<double> theta(evidence.names.size()), x(evidence.x_names.size());
  for (int64_t n = 0; n < pairs; ++n) {
    task->prior().sample(random, theta);
    task->simulate(theta, random, x);
    evidence.theta.insert(evidence.theta.end(), theta.begin(), theta.end());
    evidence.x.insert(evidence.x.end(), x.begin(), x.end());
    const data::PosteriorDraw draw = task->posterior(x);
    for (int64_t l = 0; l < draws; ++l) {
      draw(random, theta);
      evidence.samples.insert(evidence.samples.end(), theta.begin(), theta.end());
    }
  }
  return evidence;
}

}  // namespace fluxsbi::test
