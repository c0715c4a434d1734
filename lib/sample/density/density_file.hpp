// Files of log-densities and of posterior modes.
//
// .npz, .h5 and .hdf5 hold
//   log_prob     float64 [rows], of samples [rows, draws]; with Hutchinson's divergence also
//   log_prob_se  float64 of the same shape, the standard error over probes
//   map          [rows, theta_dim] (a last axis of channels where there are several): modes, float32 or,
//                where that is too coarse for the samples from which they were found, float64
//   meta         uint8 [bytes], JSON in UTF-8: model, seed, version, theta_names, x_names and how the
//                densities were computed
// .csv holds the columns log_prob and log_prob_se, or the modes under theta's names and log_prob; .npy holds
// only log_prob, or only the modes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sample/density/log_prob.hpp"
#include "sample/density/mode.hpp"
#include "sample/files/number_type.hpp"

namespace fluxsbi::sample {

/// Where log-densities come from.
struct DensityOrigin {
  std::string model;          ///< Posterior::identity()
  std::string solver;         ///< of the densities
  double atol = 0, rtol = 0;  ///< adaptive solvers
  int64_t steps = 0;          ///< fixed-step solvers
  DivergenceOptions divergence;
  int64_t draws = 0;               ///< points for each observation where these are samples; 0: a point a row
  uint64_t seed = 0;               ///< of the probes, or of the modes' samples
  std::vector<std::string> given;  ///< the tokens that were given; theta given x: x's
  std::vector<std::string> theta_names, x_names;
};

/// The extensions that these files may have.
const std::vector<std::string>& density_extensions();

/// Writes atomically; the extension has been checked.
void save_log_probs(const std::string& path, const LogProbs& log_probs, const DensityOrigin& origin);

/// `channels` of a token; theta_names name the tokens.
void save_modes(const std::string& path, const Modes& modes, int64_t channels, const DensityOrigin& origin,
                NumberType type = NumberType::automatic);

}  // namespace fluxsbi::sample
