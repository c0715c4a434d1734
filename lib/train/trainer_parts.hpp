// The loop of a training, for the source files of its functions: trainer.cpp has the steps and what is judged
// between them, trainer_state.cpp what is saved and read again, trainer_endings.cpp how it ends early.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/error.hpp"
#include "distributed/communicator.hpp"
#include "train/learned_levels.hpp"
#include "train/pace.hpp"
#include "train/plateau.hpp"
#include "train/reporter.hpp"
#include "train/schedule.hpp"
#include "train/trainer.hpp"
#include "train/training_step.hpp"
#include "train/validation.hpp"

namespace fluxsbi::train {

class Trainer {
 public:
  Trainer(TrainingSetup& setup, const checkpoint::TrainingState* state);
  TrainingResult run();

 private:
  void start();
  void restore(const checkpoint::TrainingState& state);
  TrainingResult run_to_end();
  void one_step();
  void finish_step();
  void prepare_step();
  void take_together(const std::string& problem);
  [[noreturn]] void refuse_batch();
  [[noreturn]] void lose_rows(const std::string& problem);
  int signal_after_step();
  void require_same_weights(bool whole_state);
  [[noreturn]] void stop(int signal);
  void advance_schedule();
  double validate();
  void watch_plateau();
  void report(std::optional<double> validation_loss);
  void save();
  checkpoint::TrainingState state();
  checkpoint::ModelFile best_model();
  void refuse_bad_numbers();
  [[noreturn]] void fail(const std::string& what);
  std::string last_checkpoint() const;
  template <class Write>
  void writing(const Write& write) {
    try {
      write();
    } catch (const core::UserError& problem) {
      refuse_file(problem);
    }
  }
  [[noreturn]] void refuse_file(const core::UserError& problem) const;
  at::Tensor& average() { return setup_.ema_engine->parameters().master; }

  TrainingSetup& setup_;
  const TrainingOptions& options_;
  Optimiser optimiser_;
  TrainingStep step_function_;
  Validation validation_;
  std::unique_ptr<Schedule> schedule_;
  distributed::Communicator& ranks_;
  std::unique_ptr<Reporter> reporter_;  // rank 0's
  std::unique_ptr<engine::StepRunner> direct_;
  engine::StepRunner& runner_;
  at::Tensor best_average_;  // [P]

  int64_t step_ = 0;           // steps done
  int64_t first_step_ = 0;     // steps that were done before this session
  int64_t reported_step_ = 0;  // of the last line of metrics
  int64_t saved_step_ = -1;    // of the last checkpoint
  double rate_ = 0;            // learning rate of the last step
  double best_loss_ = std::numeric_limits<double>::infinity();
  int64_t best_step_ = 0;    // 0: no validation yet
  int64_t high_losses_ = 0;  // validation losses in a row beyond val_error_ratio * best
  bool stopped_early_ = false;
  bool stops_ = false;  // a signal to one of several ranks stops all after this step
  PaceWatch watch_;
  Plateau plateau_;
  std::optional<LearnedLevels> levels_;
  bool validation_due_ = false;   // the last step was done, but its validation was interrupted
  int64_t saved_best_step_ = -1;  // of the weights in best.safetensors
};

}  // namespace fluxsbi::train
