// What a trained model says about pairs: the arrays that the tests of room diagnose read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "diagnose/evidence.hpp"
#include "diagnose/tests.hpp"
#include "evidence/pairs.hpp"
#include "evidence/question.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

struct GatherOptions {
  int64_t draws = 499;          ///< of the posterior for each pair; ranks then have 500 values
  int64_t density_draws = 100;  ///< for each pair, whose log-density is computed
  /// How log-densities are integrated: by few steps, since ranks compare theta* and draws by one function of
  /// (theta, x), and a right posterior's ranks are uniform for any. docs/diagnostics.md has the rule's error
  /// beside its cost. Adaptive: no steps.
  std::string density_solver = "midpoint";
  std::optional<int64_t> density_steps = 7;
  uint64_t seed = 1;
  sample::SamplingOptions sampling;
  bool resumed =
      false;  ///< what an earlier command finished is read, so that the time of the first pairs says nothing
  /// Shows progress of what `what` names.
  std::function<sample::Progress(const std::string& what)> progress;
};

/// Says what each part will take before it begins, from a first few pairs, which count. Fills names, pairs,
/// prior and ends, and samples and densities where they are needed. Throws UserError for pairs that the model
/// cannot answer, and core::Interrupted when a signal asked to stop.
diagnose::Evidence gather(sample::Posterior& posterior, const Question& question, const Pairs& pairs,
                          const diagnose::Needs& needs, const GatherOptions& options);

/// 10,000 draws of the prior of theta; false, and none, where the model knows no prior that can be drawn
/// from.
bool draw_prior(const sample::Posterior& posterior, uint64_t seed, std::vector<double>& theta);

/// log q of draws [rows, draws, inferred features] given each row's observation, and of `draws` = 1 point a
/// row. NaN where a draw is.
std::vector<double> log_density(sample::Posterior& posterior, const Question& question, const Pairs& pairs,
                                std::span<const double> draws, int64_t draws_a_row,
                                const GatherOptions& options, const std::string& what);

}  // namespace fluxsbi::evidence
