// Densities of what `fluxsbi sample --given` wrote.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// Answers of a joint model: draws of whole rows [theta, x] of which some tokens were given.
struct Answers {
  int64_t rows = 0, draws = 0;
  std::vector<double> values;            ///< [rows, draws, L C], NaN where a draw is not filled
  std::vector<sample::GivenMask> masks;  ///< [rows][L]
};

/// Whether an array file holds an array of this name; no for text and .npy.
bool file_holds(const std::string& path, const std::string& key);
/// Whether a file holds answers: `samples` and `given`.
bool holds_answers(const std::string& path);
/// Throws UserError for arrays that do not fit the model.
Answers load_answers(const std::string& path, const sample::Posterior& posterior);

/// Puts the densities of some points to their places among all. Places without one stay NaN.
void put(const sample::LogProbs& part, const std::vector<int64_t>& places, sample::LogProbs& all);

/// log_prob [rows, draws]: of each draw's other tokens given those that its row was asked with; NaN where a
/// draw is not filled.
sample::LogProbs densities_of_answers(sample::Posterior& posterior, const Answers& answers,
                                      const sample::DivergenceOptions& divergence,
                                      const sample::SamplingOptions& options,
                                      const sample::Progress& progress);

}  // namespace fluxsbi::experiment
