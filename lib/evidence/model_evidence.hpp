// Which of several simulators an observation speaks for: log p(x) of joint models, `fluxsbi compare --x`.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "evidence/joint_model.hpp"
#include "experiment/execution.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

/// p(x) is the mean of w = p(theta, x) / p(theta given x) over draws of the posterior. Where a model is
/// right, every w is p(x).
struct LogEvidence {
  double value = 0;           ///< log of the mean, natural logarithm, in x's units
  double standard_error = 0;  ///< of the value: the mean's relative one
  double spread = 0;          ///< standard deviation of the logarithms: how far the model contradicts itself
  int64_t draws = 0;          ///< that had both densities
};

/// From log w of each draw, w = p(theta, x) / q(theta given x), q being the density of the draws. The mean of
/// w is what the numerator gives for p(x), whatever q is (importance sampling); the mean of log w would be
/// too low by the Kullback-Leibler divergence. -infinity counts as w = 0; NaN and infinity are left out. NaN
/// where fewer than two are left, or none is above 0.
LogEvidence log_evidence(std::span<const double> log_weights);

/// For each row of x [rows, x_dim, x_channels], at `draws` draws of its posterior or a few more: as many of
/// each of the first `draws` of model.parts.forms, whose errors average out. Draws and densities are made by
/// dopri5 to about a hundredth (experiment::for_weighing), whatever solver `options` names. Draws are not
/// guided, and one outside the prior's support has w = 0.
std::vector<LogEvidence> find_evidence(JointModel& model, std::span<const double> x, int64_t rows,
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
  bool by_prior = false;  ///< as EvidenceParts has it
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
