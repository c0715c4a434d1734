#include "data/simulate/row_simulator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fluxsbi::data {

SimulatedBatch TaskSimulator::run(int64_t first_row, std::span<const double> theta) {
  const auto theta_dim = static_cast<size_t>(task_.theta_dim()), x_dim = static_cast<size_t>(task_.x_dim());
  const size_t rows = theta.size() / theta_dim;
  SimulatedBatch batch;
  batch.x_dim = task_.x_dim();
  batch.x.reserve(rows * x_dim);
  batch.failed.assign(rows, 0);
  std::vector<double> x(x_dim);
  for (size_t row = 0; row < rows; ++row) {
    const auto values = theta.subspan(row * theta_dim, theta_dim);
    core::Philox random(seed_, core::Purpose::simulator, static_cast<uint64_t>(first_row) + row);
    task_.simulate(values, random, x);
    for (const double value : x) batch.x.push_back(static_cast<float>(value));
  }
  if (!task_.shape().padded) mark_failures(batch, first_row);  // NaN in a set is an absent element
  return batch;
}

std::string not_finite_text(std::span<const double> x) {
  const auto found = std::find_if(x.begin(), x.end(), [](double value) { return !std::isfinite(value); });
  if (found == x.end()) return "";
  const char* word = std::isnan(*found) ? "nan" : *found > 0 ? "inf" : "-inf";
  return "value " + std::to_string(found - x.begin()) + " of x, counted from 0, is not finite (" + word + ")";
}

void mark_failures(SimulatedBatch& batch, int64_t first_row) {
  const auto x_dim = static_cast<size_t>(batch.x_dim);
  for (size_t row = 0; row < batch.failed.size(); ++row) {
    const auto x = std::span(batch.x).subspan(row * x_dim, x_dim);
    const std::string problem = not_finite_text(x);
    if (problem.empty()) continue;
    if (!batch.failed[row] && batch.first_failure.empty())
      batch.first_failure = "row " + std::to_string(first_row + static_cast<int64_t>(row)) + ": " + problem;
    batch.failed[row] = 1;
    std::fill(x.begin(), x.end(), std::numeric_limits<double>::quiet_NaN());
  }
}

}  // namespace fluxsbi::data
