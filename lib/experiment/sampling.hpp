// What `sample` does: from a file of observations or questions to a file of samples.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "experiment/weighing.hpp"
#include "sample/files/number_type.hpp"
#include "sample/files/shard.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

struct SamplingRequest {
  std::string model;     ///< as the user named it, for messages
  std::string x, given;  ///< files, at most one of them; neither: the joint distribution of a joint model
  std::string output;    ///< one of sample::sample_extensions()
  int64_t draws = 0;     ///< for each row
  uint64_t seed = 0;
  sample::Shard shard;  ///< the part of the rows that is drawn
  bool force = false;   ///< a partial output of other work (kept_work.hpp) is dropped
  /// Rows unlike the training data are an error, core::DiagnosticFailed, before anything is drawn; rows about
  /// which the members of an ensemble disagree are one after the file is written.
  bool strict = false;
  bool partial = false;  ///< a file without a single sample is written, too
  sample::NumberType number_type = sample::NumberType::automatic;  ///< of the file's samples
  std::string prior = {};  ///< a file: samples are of its prior in place of the training prior (PriorChange)
  std::string likelihood = {};    ///< by which samples are corrected (Correction); empty: they are not
  WeighingOptions weighing = {};  ///< of either
  bool together = false;          ///< all rows of x are observations of one theta, of which samples are drawn
  /// Observations that stand in memory, which `x` is the name of in messages; null: `x` is a file.
  const io::Array* x_values = nullptr;
  bool interruptible = true;  ///< a signal that asks to stop ends the work between two evaluations
};

struct SamplingOutcome {
  int64_t rows = 0, evaluations = 0;
  int64_t drawn = 0;      ///< samples computed, redraws included
  double acceptance = 1;  ///< share of the draws that lay inside the prior's support
  double seconds = 0;     ///< of the sampling alone, in this run
};

/// Origin::work of samples given `values`, of all rows: what else than seed and model decides them.
std::string work_of_samples(std::span<const double> values, const sample::SamplingOptions& options);

/// Reads, and writes samples while they are drawn: memory does not grow with their number. Logs what of theta
/// and x the samples are of where no file says it. Warns of rows unlike the training data. Throws UserError
/// for files that do not fit the model, for questions that it cannot answer, and where no sample could be
/// filled; core::Stopped when a signal asked to stop and what was drawn is kept beside the output,
/// core::Interrupted when nothing is.
SamplingOutcome sample_to_file(sample::Posterior& posterior, const SamplingRequest& request,
                               const sample::SamplingOptions& options, const sample::Progress& progress = {});

}  // namespace fluxsbi::experiment
