// The training loop. It knows an engine, a method and rows, but no model and no file of the user.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/training_state.hpp"
#include "core/stop.hpp"
#include "distributed/communicator.hpp"
#include "engine/engine.hpp"
#include "engine/step_runner.hpp"
#include "method/condition_mask.hpp"
#include "method/hidden_values.hpp"
#include "method/method.hpp"
#include "train/options.hpp"
#include "train/rows.hpp"

namespace fluxsbi::train {

/// What is trained on and validated with. Joint models have a condition mask.
struct TrainingData {
  std::shared_ptr<const Rows> training, validation;
  std::optional<method::ConditionMask> condition_mask = {};
  double condition_drop_rate = 0;                    ///< in [0, 1): probability that a row loses its x
  int64_t x_tokens = 0;                              ///< joint models: the last of a row's tokens
  std::optional<method::HiddenValues> missing = {};  ///< where x may hold NaN
  /// the levels that LearnedLevels finds; none: the method's own
  std::optional<method::LevelRange> levels = {};
  /// Who trains: each of several ranks takes its part of the rows of a batch and of a validation, and all end
  /// with the same weights.
  std::shared_ptr<distributed::Communicator> ranks = std::make_shared<distributed::Communicator>();
};

struct TrainingSetup {
  std::string run;     ///< run folder, exists
  std::string config;  ///< resolved configuration
  TrainingOptions training;
  OptimizerOptions optimizer;  ///< resolved
  OutputOptions output;
  checkpoint::ModelFile model;  ///< everything of the model file but weights, step and loss
  std::unique_ptr<engine::Engine> engine,
      ema_engine;  ///< two copies of one network; `engine` holds the start values
  std::unique_ptr<method::Method> method;
  TrainingData data;
  double planned_seconds =
      0;  ///< of the whole training; a warning says where it takes far longer; 0: no plan
  std::unique_ptr<engine::StepRunner> runner;  ///< null: the step is called directly
  /// The number of the signal that asked to stop, or 0; looked at after every step.
  std::function<int()> stop_requested = core::stop_requested;
  /// The same, looked at between the parts of a step and of a validation, by any thread.
  std::function<int()> interrupted = core::stop_requested;
};

struct TrainingResult {
  int64_t steps = 0;
  double best_validation_loss = 0;  ///< infinite if no validation was made
  int64_t best_step = 0;            ///< step of the weights in model.safetensors
  bool stopped_early = false;
};

/// True if nothing is left to do: the run has `nsteps` steps, or early stopping ended it.
bool is_finished(const checkpoint::TrainingState& state, const TrainingOptions& training);

/// Trains from `state` (or from the start) to the end, writing metrics.jsonl, TensorBoard events, checkpoints
/// and at the end model.safetensors with the best EMA weights (the last ones if there was no validation).
/// With a finished state it only writes model.safetensors again. From the same state, on a CPU with the same
/// number of threads, all results but times are identical to the last bit. Throws core::Stopped after a
/// checkpoint when a signal asked for it, core::Interrupted where not one step was done until then, and
/// UserError when the loss or a gradient is not finite (the message names the step and the last good
/// checkpoint; nothing of those weights is saved), when rows cannot be read any more (after a checkpoint),
/// when a file cannot be written (naming the last good checkpoint), or when `state` belongs to another
/// configuration (names the keys).
///
/// Several ranks (TrainingData::ranks) train as one process with the same batch does, up to the order of
/// float sums: with the same number of ranks to the last bit. Rank 0 alone reads and writes the run folder;
/// signals to any rank stop all after the same step. What all ranks know to have failed is a UserError on
/// rank 0 and distributed::SaidElsewhere on the others.
TrainingResult train(TrainingSetup& setup, const std::optional<checkpoint::TrainingState>& state);

}  // namespace fluxsbi::train
