// Log-densities of points in files larger than memory, written while they are computed.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/files/parameters.hpp"
#include "experiment/densities.hpp"
#include "experiment/normalisation.hpp"

namespace fluxsbi::experiment {

/// What densities become under another prior.
struct OtherDensities {
  const sample::PriorRatio& ratio;
  std::span<const Normalisation> rows;  ///< of the observations
};

/// Points of theta, of which a file gives as many rows as are wanted, and what each is given.
struct StreamedPoints {
  const data::ParameterRows& theta;
  std::string file;           ///< of theta, for messages
  std::span<const double> x;  ///< [x_rows, x_size]: of each row of theta (of its draws), or one of all
  int64_t x_rows = 0;
  const OtherDensities* other = nullptr;  ///< null: the training prior stays
};

/// Reads all points once. Returns a line for a description of the work that tells them from others. Warns of
/// draws that are NaN. Throws UserError where all draws are, and for points that are not finite.
std::string survey(const StreamedPoints& points, const sample::Posterior& posterior);

/// The densities of `points`, in the chunks of densities_of_draws and Posterior::log_prob. With `writer` each
/// block of them is written before the next is computed, and `values` of the result stay empty; memory holds
/// the observations, a chunk and a block. `kept`: its journal holds the state of both, `state` that of an
/// earlier run ("": none).
sample::LogProbs stream_densities(sample::Posterior& posterior, const StreamedPoints& points,
                                  const sample::DivergenceOptions& divergence,
                                  const sample::SamplingOptions& options, sample::LogProbWriter* writer,
                                  KeptWork& kept, const std::string& state, const sample::Progress& progress);

}  // namespace fluxsbi::experiment
