// What `log-prob` and `map` do: from files of points or observations to densities and modes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiment/kept_work.hpp"
#include "experiment/normalisation.hpp"
#include "sample/density/density_file.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// Where densities under `options` come from: model, solver, its steps or tolerances, names.
sample::DensityOrigin density_origin(const sample::Posterior& posterior,
                                     const sample::SamplingOptions& options);

/// All that decides densities or modes, but for what they are asked of.
WorkDescription density_work(const std::string& command, sample::Posterior& posterior,
                             const sample::SamplingOptions& options, uint64_t seed);

/// What a file of results under another prior says of it.
sample::OtherPriorOrigin other_prior_origin(const Normaliser& normaliser,
                                            std::span<const Normalisation> rows);

/// The file of the results. What is computed is kept beside it.
struct KeptOutput {
  std::string path;    ///< "": none
  bool force = false;  ///< a partial output of other work is dropped
};

/// The points at which a density is asked for: `theta` and `x`, or `values`. Without x, the file of theta is
/// asked for it; a file of answers (`fluxsbi sample --given`) stands for itself, as theta or as values.
struct PointFiles {
  std::string model;                     ///< as the user named it, for messages
  std::string theta, x;                  ///< files of as many rows, or x of one
  std::string values;                    ///< joint models: a file of theta and x
  std::vector<std::string> given_names;  ///< columns of `values` that are given
  KeptOutput output = {};
  bool strict = false;                ///< rows unlike the training data are an error, core::DiagnosticFailed
  OtherPrior prior = {};              ///< of theta given x alone: densities under another prior
  sample::Progress normalising = {};  ///< of its draws
};

struct DensityOutcome {
  sample::LogProbs found;  ///< its values are empty where an output was given, which holds them then
  int64_t points = 0;
  double seconds = 0;        ///< reading of the files included
  int64_t observations = 0;  ///< under another prior
  int64_t weak = 0;  ///< of these, those whose constant too few draws decide, of which a warning spoke
};

/// The density at every point, by options.solver and options.steps, written to files.output while it is
/// computed where that is named. `seed` is that of divergence's probes. Of theta given x no more of theta and
/// of the results is in memory than is worked on; joint rows are (PointFiles::values).
/// Warns of x unlike the training data. Under another prior log_prob is log q(theta | x) + log p'(theta) -
/// log p(theta) - log Z(x) (Normalisation), and NaN for observations whose Z too few draws decide. Throws
/// UserError for files that do not fit the model, for names that it does not know, as Normaliser does, and
/// where no observation has a Z.
DensityOutcome log_prob_of_files(sample::Posterior& posterior, const PointFiles& files,
                                 const sample::DivergenceOptions& divergence,
                                 const sample::SamplingOptions& options,
                                 const sample::Progress& progress = {});

/// The observations of which modes are asked for.
struct ModeFiles {
  std::string model;      ///< as the user named it, for messages
  std::string x;          ///< file, one observation a row
  bool strict = false;    ///< rows unlike the training data are an error, core::DiagnosticFailed
  OtherPrior prior = {};  ///< modes under another prior; its draws are those of ModeOptions
};

struct ModeOutcome {
  int64_t rows = 0;
  int64_t climbed = 0;  ///< rows whose best point is not a sample
  double seconds = 0;
  int64_t weak = 0;  ///< under another prior: as that of DensityOutcome
};

/// Writes the mode for each observation, from samples keyed by `seed`, to output.path. Warns of
/// observations unlike the training data. Throws UserError for a model that was trained without x, for
/// observations that do not fit, and where no mode is found. Under another prior log_prob is as of
/// log_prob_of_files, and rows whose Z too few draws decide have no mode.
ModeOutcome modes_of_file(sample::Posterior& posterior, const ModeFiles& files, uint64_t seed,
                          const sample::ModeOptions& modes, const sample::SamplingOptions& options,
                          const KeptOutput& output, sample::NumberType type,
                          const sample::Progress& progress = {});

}  // namespace fluxsbi::experiment
