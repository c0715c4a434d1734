// Which of several models of the same data is best: `fluxsbi compare`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "evidence/gather.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::evidence {

struct ComparisonRequest {
  std::vector<std::string> models;  ///< run folders or model files, two or more
  PairsRequest pairs;               ///< pairs.model has no effect
  GatherOptions gather;             ///< gather.sampling has no effect: each model has its own
  experiment::Execution execution;
  double level = 0.01;  ///< of the calibration's verdict
};

struct ComparedModel {
  std::string name;
  double log_density = 0, standard_error = 0;  ///< mean of log q(theta* | x) over the pairs, and its error
  double behind = 0,
         behind_error = 0;  ///< the best model's mean minus this one's, and the error over the same pairs
  int64_t outside = 0;      ///< pairs to which the model gives no density: they count as lost
  std::string calibration;  ///< "pass", "FAIL: theta_0 (p = 1e-05)", by simulation-based calibration
};

struct Comparison {
  std::vector<ComparedModel> models;  ///< the best first
  int64_t pairs = 0;
  std::string source;
};

/// The expected log-density of held-out theta, a proper score: the right posterior has the highest (Gneiting
/// and Raftery 2007, J. Am. Stat. Assoc. 102). Pairs that one model gives no finite density are left out for
/// all, and counted. All models are opened and checked before any is judged. Throws UserError for fewer than
/// two models, for one that is named twice, for models of other names or numbers of theta and x, and for runs
/// whose validation rows differ, so that some were trained on what others are judged by.
Comparison compare_models(const ComparisonRequest& request);

/// Throws UserError for fewer than two names, and for one that is named twice.
void check_names(const std::vector<std::string>& models);

}  // namespace fluxsbi::evidence
