// A training checkpoint: all that is needed to continue exactly where it was written.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "io/array.hpp"

namespace fluxsbi::checkpoint {

inline constexpr int64_t checkpoint_format = 4;  // of a student; 3 of a regression of theta on x; 2 of
                                                 // features that asinh transforms; else 1

/// The trainer's state. Random numbers and the data's order are functions of (seed, step), so these two
/// suffice.
struct TrainingState {
  int64_t step = 0;
  uint64_t seed = 0;
  io::Arrays arrays;                      ///< master, moment1, moment2, ema, best_ema [P] float32 and others
  std::map<std::string, double> scalars;  ///< schedule, early stopping, counters; exact (17 digits)
  std::string config;                     ///< resolved configuration of the run
  int64_t metrics_bytes = 0;              ///< length of metrics.jsonl at this step
  ModelFile model;                        ///< shape, standardisers, names; `weights` empty, `config` as above
};

/// A scalar of a state. Throws UserError where it is missing, which only a damaged checkpoint is.
double scalar(const TrainingState& state, const std::string& name);
/// One that checkpoints of older versions do not hold.
double scalar_or(const TrainingState& state, const std::string& name, double otherwise);

/// RUN/checkpoints/step_<at least 8 digits>.safetensors
std::string state_path(const std::string& run, int64_t step);
/// RUN/checkpoints/best.safetensors: a ModelFile, what `sample` takes while the run is training.
std::string best_path(const std::string& run);
/// Creates RUN/checkpoints if need be.
void make_checkpoint_folder(const std::string& run);

/// Writes state_path(run, state.step) atomically, then removes the oldest beyond `keep`.
void save_state(const std::string& run, const TrainingState& state, int64_t keep);
/// The newest checkpoint that reads whole; a damaged one is skipped with a warning. nullopt if there is no
/// checkpoint. Throws UserError if there are some and all are damaged, or if one comes from a newer fluxsbi.
std::optional<TrainingState> load_latest_state(const std::string& run);
/// One file. Throws UserError for a damaged or newer one.
TrainingState load_state(const std::string& path);

}  // namespace fluxsbi::checkpoint
