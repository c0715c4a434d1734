#include "data/simulate/simulate.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "data/simulate/row_simulator.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t batch_rows = 4096;

}  // namespace

void draw_theta(const Prior& prior, uint64_t seed, int64_t row, std::span<float> theta) {
  // Rounding to float32 can step over a bound that float32 does not hold, about once in 1e7 draws: draw
  // again.
  constexpr int tries = 1000;
  core::Philox random(seed, core::Purpose::prior, static_cast<uint64_t>(row));
  std::vector<double> exact(theta.size());
  for (int attempt = 0; attempt < tries; ++attempt) {
    prior.sample(random, exact);
    std::copy(exact.begin(), exact.end(), theta.begin());
    std::copy(theta.begin(), theta.end(), exact.begin());
    if (prior.in_support(exact) && prior.between_exact_ends(exact)) return;
  }
  throw core::UserError(
      "the prior's draws cannot be held in float32 (its support is too narrow or too far from 0); "
      "rescale the parameter");
}

Simulations simulate(const Task& task, int64_t rows, uint64_t seed, int workers, int64_t first) {
  core::require(rows >= 0 && first >= 0, "row numbers are not negative");
  const auto theta_dim = static_cast<size_t>(task.theta_dim()), x_dim = static_cast<size_t>(task.x_dim());
  Simulations result{rows, task.theta_dim(), task.x_dim(), {}, {}, {}, task.x_shape()};
  result.theta.resize(static_cast<size_t>(rows) * theta_dim);
  result.x.resize(static_cast<size_t>(rows) * x_dim);
  result.failed.resize(static_cast<size_t>(rows));
  TaskSimulator simulator(task, seed);
  core::for_each_in_parallel((rows + batch_rows - 1) / batch_rows, workers, [&](int64_t batch) {
    const int64_t begin = batch * batch_rows, end = std::min(rows, begin + batch_rows);
    const auto at = static_cast<size_t>(begin), count = static_cast<size_t>(end - begin);
    const auto theta = std::span(result.theta).subspan(at * theta_dim, count * theta_dim);
    for (size_t row = 0; row < count; ++row) {
      draw_theta(task.prior(), seed, first + begin + static_cast<int64_t>(row),
                 theta.subspan(row * theta_dim, theta_dim));
    }
    const SimulatedBatch simulated = simulator.run(first + begin, theta);
    std::copy(simulated.x.begin(), simulated.x.end(), result.x.begin() + static_cast<int64_t>(at * x_dim));
    std::copy(simulated.failed.begin(), simulated.failed.end(), result.failed.begin() + begin);
  });
  return result;
}

}  // namespace fluxsbi::data
