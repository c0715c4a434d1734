#include "data/simulate/simulate.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "data/precision.hpp"
#include "data/simulate/row_simulator.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t batch_rows = 4096;

// Whether float32 keeps the draws of a component apart. Below 1e-38 its numbers lose digits and then become
// 0, and above 3e38 they are infinite, which one of a million simulations must not be. Where draws crowd at
// an end that is not 0, as a beta's do at 1, a thousandth of them must not be rounded onto it.
bool within_single(const Prior& prior, size_t component) {
  constexpr double rare = 1e-6, thousandth = 1e-3;
  const auto [low, high] = prior.ends(component);
  for (const double p : {rare, thousandth, 1 - thousandth, 1 - rare}) {
    const double value = prior.quantile(component, p);
    if (!holds_size_in_single(value)) return false;
    const double single = static_cast<float>(value);
    const bool onto_end = (value > low && single <= low) || (value < high && single >= high);
    if (onto_end && p >= thousandth && p <= 1 - thousandth) return false;
  }
  return true;
}

}  // namespace

ThetaDraws::ThetaDraws(const Prior& prior, uint64_t seed)
    : prior_(prior), seed_(seed), rounded_(static_cast<size_t>(prior.dim())) {
  constexpr double share = 0.01, spread_of_shares = 4.652695748081682;  // of a normal, between 1 % and 99 %
  for (size_t i = 0; i < rounded_.size(); ++i) {
    const double low = prior.quantile(i, share), high = prior.quantile(i, 1 - share);
    const double step = single_step(std::max(std::abs(low), std::abs(high)));
    rounded_[i] = step <= (high - low) / spread_of_shares / parts_of_simulations && within_single(prior, i);
  }
}

void ThetaDraws::draw(int64_t row, std::span<double> theta) const {
  // Rounding can step over a bound that float32 does not hold, about once in 1e7 draws: draw again.
  constexpr int tries = 1000;
  core::Philox random(seed_, core::Purpose::prior, static_cast<uint64_t>(row));
  for (int attempt = 0; attempt < tries; ++attempt) {
    prior_.sample(random, theta);
    for (size_t i = 0; i < theta.size(); ++i) {
      if (rounded_[i]) theta[i] = static_cast<float>(theta[i]);
    }
    if (prior_.in_support(theta) && prior_.between_exact_ends(theta)) return;
  }
  throw core::UserError(
      "the prior's draws lie outside its own support as numbers are rounded (the support is too narrow or "
      "too far from 0); rescale the parameter");
}

TaskSimulations simulate(const Task& task, int64_t rows, uint64_t seed, int workers, int64_t first) {
  core::require(rows >= 0 && first >= 0, "row numbers are not negative");
  const auto theta_dim = static_cast<size_t>(task.theta_dim()), x_dim = static_cast<size_t>(task.x_dim());
  TaskSimulations result{rows, task.theta_dim(), task.x_dim(), {}, {}, {}};
  const ThetaDraws draws(task.prior(), seed);
  result.theta.resize(static_cast<size_t>(rows) * theta_dim);
  result.x.resize(static_cast<size_t>(rows) * x_dim);
  result.failed.resize(static_cast<size_t>(rows));
  TaskSimulator simulator(task, seed);
  core::for_each_in_parallel((rows + batch_rows - 1) / batch_rows, workers, [&](int64_t batch) {
    const int64_t begin = batch * batch_rows, end = std::min(rows, begin + batch_rows);
    const auto at = static_cast<size_t>(begin), count = static_cast<size_t>(end - begin);
    std::vector<double> theta(count * theta_dim);
    for (size_t row = 0; row < count; ++row) {
      draws.draw(first + begin + static_cast<int64_t>(row),
                 std::span(theta).subspan(row * theta_dim, theta_dim));
    }
    std::copy(theta.begin(), theta.end(), result.theta.begin() + static_cast<int64_t>(at * theta_dim));
    const SimulatedBatch simulated = simulator.run(first + begin, theta);
    std::copy(simulated.x.begin(), simulated.x.end(), result.x.begin() + static_cast<int64_t>(at * x_dim));
    std::copy(simulated.failed.begin(), simulated.failed.end(), result.failed.begin() + begin);
  });
  return result;
}

}  // namespace fluxsbi::data
