#include "data/tasks/task.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fluxsbi::data {

void Task::sample_posterior(std::span<const double> x, core::Philox& random, std::span<double> theta) const {
  if (!has_exact_posterior()) {
    throw core::UserError("task " + std::string(name()) +
                          " has no exact posterior to draw from; compare with its reference samples instead");
  }
  posterior(x)(random, theta);
}

PosteriorDraw Task::posterior(std::span<const double> x) const {
  return [this, x = std::vector<double>(x.begin(), x.end())](core::Philox& random, std::span<double> theta) {
    sample_posterior(x, random, theta);
  };
}

DataShape Task::shape() const {
  const auto x = x_shape();
  DataShape shape;
  shape.theta_dim = theta_dim();
  shape.x_channels = x.size() > 1 ? x.back() : 1;
  shape.x_dim = x_dim() / shape.x_channels;
  if (x.size() == 3) shape.x_grid = {x[0], x[1]};
  shape.padded = padded();
  shape.edges = edges(static_cast<size_t>(shape.theta_dim + shape.x_dim));
  return shape;
}

std::vector<std::string> Task::edges(size_t tokens) const {
  return std::vector<std::string>(tokens, std::string(tokens, '1'));
}

std::vector<std::string> Task::edges_of_parameters(size_t tokens, std::span<const size_t> idle) const {
  const auto parameters = static_cast<size_t>(theta_dim());
  std::vector<std::string> rows(tokens, std::string(tokens, '0'));
  for (size_t i = 0; i < tokens; ++i) {
    const bool of_none = i >= parameters && std::find(idle.begin(), idle.end(), i - parameters) != idle.end();
    for (size_t j = 0; j < parameters && !of_none; ++j) rows[i][j] = rows[j][i] = '1';
    rows[i][i] = '1';
  }
  return rows;
}

std::string Task::observation_text(std::span<const double> x) {
  std::string values;
  for (const double value : x) values += (values.empty() ? "" : ", ") + core::number_text(value);
  return "x = (" + values + ")";
}

void Task::fail_posterior(std::span<const double> x) const {
  throw core::UserError("task " + std::string(name()) + ": no theta of the prior makes " +
                        observation_text(x) + " in " + std::to_string(max_posterior_tries) +
                        " tries; check that the observation belongs to this task");
}

std::vector<float> sample_exact_posterior(const Task& task, std::span<const float> x, int64_t draws,
                                          uint64_t seed) {
  core::require(static_cast<int64_t>(x.size()) == task.x_dim(), "an observation has x_dim values");
  const auto dim = static_cast<size_t>(task.theta_dim());
  const std::vector<double> observation(x.begin(), x.end());
  const PosteriorDraw draw_from = task.posterior(observation);
  std::vector<double> theta(dim);
  std::vector<float> samples;  // [draws, theta_dim]
  samples.reserve(static_cast<size_t>(draws) * dim);
  for (int64_t draw = 0; draw < draws; ++draw) {
    core::Philox random(seed, core::Purpose::posterior, static_cast<uint64_t>(draw));
    draw_from(random, theta);
    samples.insert(samples.end(), theta.begin(), theta.end());
  }
  return samples;
}

}  // namespace fluxsbi::data
