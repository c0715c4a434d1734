// Which of several simulators an observation speaks for: log p(x) of joint models, `fluxsbi compare --x`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiment/execution.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

/// log p(x) = log p(theta, x) - log p(theta given x), which is the same at every theta where a joint model is
/// right.
struct LogEvidence {
  double value = 0;           ///< mean over draws of the posterior, natural logarithm, in x's units
  double standard_error = 0;  ///< of the mean: the standard deviation over the square root of their number
  double spread = 0;          ///< the standard deviation: how far the model contradicts itself
  int64_t draws = 0;          ///< that had both densities
};

/// From the two log-densities at the same draws. Draws for which one is not finite are left out; NaN where
/// fewer than two are left.
LogEvidence log_evidence(std::span<const double> joint, std::span<const double> conditional);

/// For each row of x [rows, x_dim, x_channels], at `draws` draws of its posterior. `options` are those of the
/// draws; densities are found by dopri5 with its tolerances (log_prob.hpp). Throws UserError for a model that
/// has not learned the joint distribution, or was not trained to answer the two questions.
std::vector<LogEvidence> find_evidence(sample::Posterior& posterior, std::span<const double> x, int64_t rows,
                                       int64_t draws, uint64_t seed, const sample::SamplingOptions& options,
                                       const sample::Progress& progress = {});

struct EvidenceRequest {
  std::vector<std::string> models;  ///< run folders or model files of joint models, two or more
  std::string x;                    ///< file of observations
  int64_t draws = 50;               ///< of theta, for each observation
  uint64_t seed = 0;
  experiment::Execution execution;
};

struct SimulatorEvidence {
  std::string name;
  std::vector<LogEvidence> rows;
  std::vector<uint8_t> unlike;  ///< [rows] 1 where the observation is unlike the training data
};

struct EvidenceTable {
  int64_t rows = 0;
  std::vector<SimulatorEvidence> models;  ///< in the order of the request
};

/// Warns of observations that are unlike the training data, of those that are unlike that of all models, and
/// of models that contradict themselves by more than 0.5 (in log p(x)). All models are opened and checked
/// before any is asked. Throws UserError for fewer than two models, for one that is named twice, and for
/// models of another x.
EvidenceTable compare_evidence(const EvidenceRequest& request,
                               const std::function<sample::Progress(const std::string&)>& progress = {});

}  // namespace fluxsbi::evidence
