// Densities of draws [rows, draws]: of samples given each row's observation, and of what `fluxsbi sample
// --given` wrote.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// Whether an array file holds an array of this name; no for text and .npy.
bool file_holds(const std::string& path, const std::string& key);

/// [L], 1 for each token of `given` (--given-names) among the tokens' names. Throws UserError for names that
/// are not there, names that stand twice, and all of them.
sample::GivenMask mask_of_names(const std::vector<std::string>& given,
                                const std::vector<std::string>& tokens);

/// Draws of theta and what each row of them was given.
struct DrawsGivenX {
  std::span<const double> theta;  ///< [rows, draws, theta_size], NaN where a draw is not filled
  std::span<const double> x;      ///< [rows, x_size], or [x_size] for all rows
  int64_t rows = 0, draws = 0;
};

/// How many rows of draws share a call of the posterior, which repeats their observations (`one_for_all`: one
/// does for all rows, and is not repeated): a large one has a call of its own.
int64_t rows_in_a_call(int64_t rows, int64_t draws, int64_t x_size, bool one_for_all);

/// A warning that counts draws that are NaN, of `count`. Throws UserError where all are.
void warn_of_unfilled(int64_t unfilled, int64_t count, const std::string& file);

/// log p(theta | x) [rows, draws]; NaN where a draw is not filled.
sample::LogProbs densities_of_draws(sample::Posterior& posterior, const DrawsGivenX& draws,
                                    const sample::DivergenceOptions& divergence,
                                    const sample::SamplingOptions& options, const sample::Progress& progress);

/// Answers of a joint model: draws of whole rows [theta, x] of which some tokens were given.
struct Answers {
  int64_t rows = 0, draws = 0;
  std::vector<double> values;            ///< [rows, draws, L C], NaN where a draw is not filled
  std::vector<sample::GivenMask> masks;  ///< [rows][L]
};

/// Whether a file holds answers: `samples` and `given`.
bool holds_answers(const std::string& path);
/// Throws UserError for arrays that do not fit the model.
Answers load_answers(const std::string& path, const sample::Posterior& posterior);

/// log_prob [rows, draws]: of each draw's other tokens given those that its row was asked with; NaN where a
/// draw is not filled.
sample::LogProbs densities_of_answers(sample::Posterior& posterior, const Answers& answers,
                                      const sample::DivergenceOptions& divergence,
                                      const sample::SamplingOptions& options,
                                      const sample::Progress& progress);

}  // namespace fluxsbi::experiment
