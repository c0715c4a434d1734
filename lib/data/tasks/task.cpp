#include "data/tasks/task.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

void Task::sample_posterior(std::span<const double>, core::Philox&, std::span<double>) const {
  throw core::UserError("task " + std::string(name()) +
                        " has no exact posterior to draw from; compare with its reference samples instead");
}

std::vector<std::string> Task::edges() const {
  const auto tokens = static_cast<size_t>(theta_dim() + x_dim());
  return std::vector<std::string>(tokens, std::string(tokens, '1'));
}

void Task::fail_posterior(std::span<const double> x) const {
  std::string values;
  for (const double value : x) values += (values.empty() ? "" : ", ") + core::number_text(value);
  throw core::UserError("task " + std::string(name()) + ": no theta of the prior makes x = (" + values +
                        ") in " + std::to_string(max_posterior_tries) +
                        " tries; check that the observation belongs to this task");
}

std::vector<float> sample_exact_posterior(const Task& task, std::span<const float> x, int64_t draws,
                                          uint64_t seed) {
  core::require(static_cast<int64_t>(x.size()) == task.x_dim(), "an observation has x_dim values");
  const auto dim = static_cast<size_t>(task.theta_dim());
  const std::vector<double> observation(x.begin(), x.end());
  std::vector<double> theta(dim);
  std::vector<float> samples;  // [draws, theta_dim]
  samples.reserve(static_cast<size_t>(draws) * dim);
  for (int64_t draw = 0; draw < draws; ++draw) {
    core::Philox random(seed, core::Purpose::posterior, static_cast<uint64_t>(draw));
    task.sample_posterior(observation, random, theta);
    samples.insert(samples.end(), theta.begin(), theta.end());
  }
  return samples;
}

}  // namespace fluxsbi::data
