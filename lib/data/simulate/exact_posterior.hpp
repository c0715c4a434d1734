// Draws of a built-in task's exact posterior in a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// The exact posterior of a built-in task, given each observation of a file.
struct ExactPosterior {
  std::string task;
  std::string observations;  ///< file, as load_observations reads it
  std::string output;        ///< .npz, .h5, .csv or .npy
  int64_t draws = 0;         ///< for each observation
  uint64_t seed = 0;
};

/// Writes `samples` [rows, draws, theta_dim] and `x` [rows, x_dim]: the reference that samples can be scored
/// against.
/// Returns the shape of `samples`. Throws UserError for a task that is unknown or has no exact posterior, and
/// for observations that do not fit it.
std::vector<int64_t> write_exact_posterior(const ExactPosterior& request);

}  // namespace fluxsbi::data
