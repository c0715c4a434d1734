#include "train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include "checkpoint/compare.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "distributed/ranks.hpp"
#include "engine/device.hpp"
#include "engine/weights.hpp"
#include "train/learned_levels.hpp"
#include "train/pace.hpp"
#include "train/plateau.hpp"
#include "train/rank_part.hpp"
#include "train/reporter.hpp"
#include "train/schedule.hpp"
#include "train/training_step.hpp"
#include "train/validation.hpp"

namespace fluxsbi::train {

namespace {

using checkpoint::TrainingState;

// Keys that may change between the sessions of a run: what is written, how long it goes on, what sampling
// does, and where the rows lie, whose fingerprint says that they are the same.
const std::vector<std::string> free_keys{"training.nsteps",
                                         "training.save_every",
                                         "training.keep_checkpoints",
                                         "training.log_every",
                                         "training.early_stopping",
                                         "training.val_error_ratio",
                                         "training.val_patience",
                                         "training.plateau_patience",
                                         "optimizer.schedule_steps",
                                         "data.file",
                                         "data.theta_file",
                                         "data.x_file",
                                         "data.files",
                                         "data.memory_gb",
                                         "simulator.workers",
                                         "simulator.timeout_seconds",
                                         "output",
                                         "sampling"};

constexpr double infinity = std::numeric_limits<double>::infinity();

class Trainer {
 public:
  Trainer(TrainingSetup& setup, const TrainingState* state);
  TrainingResult run();

 private:
  void start();
  void restore(const TrainingState& state);
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
  TrainingState state();
  checkpoint::ModelFile best_model();
  void refuse_bad_numbers();
  [[noreturn]] void fail(const std::string& what);
  std::string last_checkpoint() const;
  template <class Write>
  void writing(const Write& write);
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
  double best_loss_ = infinity;
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

Reporter::Start reporter_start(const TrainingState* state) {
  if (!state) return {};
  return {state->step, state->metrics_bytes, checkpoint::scalar(*state, "seconds")};
}

Trainer::Trainer(TrainingSetup& setup, const TrainingState* state)
    : setup_(setup),
      options_(setup.training),
      optimiser_(setup.engine->parameters(), setup.ema_engine->parameters().master, setup.optimizer,
                 options_.ema_decay),
      step_function_(*setup.engine, *setup.method, setup.data, optimiser_, options_),
      validation_(*setup.ema_engine, *setup.method, setup.data, static_cast<uint64_t>(options_.seed),
                  options_.validation_evaluations),
      schedule_(make_schedule(setup.optimizer, options_)),
      ranks_(*setup.data.ranks),
      direct_(engine::make_direct_runner()),
      runner_(setup.runner ? *setup.runner : *direct_),
      best_average_(at::zeros_like(setup.engine->parameters().master)),
      watch_(setup.planned_seconds, state ? state->step : 0, options_.nsteps) {
  if (setup_.data.levels) {
    levels_.emplace(*setup_.data.levels, setup_.engine->device());
    step_function_.levels = &levels_->table();
  }
  if (ranks_.leads()) {
    reporter_ = std::make_unique<Reporter>(setup.run, options_.nsteps, setup.output.tensorboard,
                                           reporter_start(state));
  }
  if (state) {
    restore(*state);
  } else {
    start();
  }
  require_same_weights(/*whole_state=*/true);
}

void Trainer::start() {
  if (!ranks_.alone()) {
    take_from_first(ranks_, setup_.engine->parameters().master);
    setup_.engine->parameters().publish();
  }
  setup_.ema_engine->parameters().assign(setup_.engine->parameters().master);
}

void Trainer::restore(const TrainingState& state) {
  const auto array = [&](const char* name) {
    const auto found = state.arrays.find(name);
    const int64_t expected = optimiser_.moment1.numel();
    if (found == state.arrays.end() || found->second.elements() != expected) {
      throw core::UserError(checkpoint::state_path(setup_.run, state.step) +
                            " does not fit this model: array '" + name + "' should hold " +
                            std::to_string(expected) + " numbers");
    }
    return engine::to_tensor(found->second);
  };
  setup_.engine->parameters().assign(array("master"));
  setup_.ema_engine->parameters().assign(array("ema"));
  optimiser_.moment1.copy_(array("moment1"));
  optimiser_.moment2.copy_(array("moment2"));
  best_average_.copy_(array("best_ema"));
  step_function_.loss_sum.fill_(checkpoint::scalar(state, "loss_sum"));
  step_function_.norm_sum.fill_(checkpoint::scalar(state, "norm_sum"));
  step_function_.window_sum.fill_(checkpoint::scalar(state, "window_sum"));
  if (schedule_->window() > 0) schedule_->restore(state.scalars);
  step_ = state.step;
  first_step_ = saved_step_ = state.step;
  reported_step_ = static_cast<int64_t>(checkpoint::scalar(state, "reported_step"));
  rate_ = checkpoint::scalar(state, "rate");
  best_step_ = static_cast<int64_t>(checkpoint::scalar(state, "best_step"));
  if (best_step_ > 0) best_loss_ = checkpoint::scalar(state, "best_loss");
  high_losses_ = static_cast<int64_t>(checkpoint::scalar(state, "high_losses"));
  stopped_early_ = is_finished(state, options_) && checkpoint::scalar(state, "stopped_early") > 0;
  validation_due_ = checkpoint::scalar_or(state, "validation_due", 0) > 0;
  plateau_.restore(state, setup_.engine->device());
  if (levels_) levels_->restore(state);
}

// Of several ranks each would stop at a place of its own within a step: they stop after it, all together.
TrainingResult Trainer::run() {
  const core::InterruptScope parts(ranks_.alone() ? setup_.interrupted : [] { return 0; });
  if (saved_step_ >= 0) core::set_last_words(last_checkpoint());
  try {
    const TrainingResult result = run_to_end();
    core::set_last_words("");
    return result;
  } catch (const core::Interrupted& interrupted) {
    stop(interrupted.signal());
  }
}

// The state of the last whole step is saved.
void Trainer::stop(int signal) {
  core::log::end_progress();
  if (step_ == first_step_) {  // a scheduler that started it again would do so for ever
    throw core::Interrupted(signal, "stopped by " + std::string(core::signal_name(signal)) + " before step " +
                                        std::to_string(step_ + 1) + " was done; `fluxsbi resume " +
                                        setup_.run + "` begins it again");
  }
  if (saved_step_ != step_) save();
  throw core::Stopped("stopped by " + std::string(core::signal_name(signal)) + " after step " +
                      std::to_string(step_) + "; the checkpoint is saved, `fluxsbi resume " + setup_.run +
                      "` continues from it");
}

TrainingResult Trainer::run_to_end() {
  if (validation_due_) finish_step();
  while (step_ < options_.nsteps && !stopped_early_) {
    one_step();
    const int signal = signal_after_step();
    const bool ends = step_ == options_.nsteps || stopped_early_;
    if (signal || ends || step_ % options_.save_every == 0) save();
    if (signal && !ends) stop(signal);
    if (reporter_) reporter_->tick(step_);
  }
  core::log::end_progress();
  if (levels_) core::log::info(levels_->text());
  const checkpoint::ModelFile model = best_model();
  if (ranks_.leads()) writing([&] { checkpoint::save_model(setup_.run + "/model.safetensors", model); });
  setup_.ema_engine->parameters().assign(best_step_ > 0 ? best_average_ : average());
  return {step_, best_loss_, model.step, stopped_early_};
}

void Trainer::one_step() {
  rate_ = schedule_->rate(step_);
  prepare_step();
  ++step_;
  advance_schedule();
  finish_step();
}

void Trainer::finish_step() {
  const bool validates = step_ == options_.nsteps || step_ % options_.val_every == 0;
  if (!validates && step_ % options_.log_every != 0) return;
  refuse_bad_numbers();
  require_same_weights(/*whole_state=*/false);
  std::optional<double> validation_loss;
  validation_due_ = validates;
  if (validates) validation_loss = validate();
  validation_due_ = false;
  report(validation_loss);
}

// Rows that cannot be read any more end the run, not the work done so far.
void Trainer::prepare_step() {
  std::string problem;
  try {
    step_function_.prepare(step_, rate_);
  } catch (const core::UserError& unread) {
    if (ranks_.alone()) lose_rows(unread.what());
    problem = unread.what();
  }
  if (!ranks_.alone()) return take_together(problem);
  try {
    step_function_.take(runner_);
  } catch (const c10::OutOfMemoryError&) {
    refuse_batch();
  }
}

// The device's memory does not hold a step, and the weights may be half of the next one's.
void Trainer::refuse_batch() {
  core::log::end_progress();
  const at::Device device = setup_.engine->device();
  const int64_t rows = step_function_.fitting_rows();
  throw core::UserError(
      "training.batch_size = " + std::to_string(options_.batch_size) + " is too large for the memory of " +
      device.str() + ", of which " + core::bytes_text(static_cast<double>(engine::free_memory(device))) +
      " are free beside the weights: " +
      (rows > 0
           ? std::to_string(rows) + " rows fit; set training.batch_size to that, and training.multistep to " +
                 std::to_string((options_.batch_size + rows - 1) / rows * options_.multistep) +
                 " to keep the rows of a step"
           : "not even one row fits; take a smaller network, or --device cpu") +
      ". " + last_checkpoint());
}

void Trainer::take_together(const std::string& problem) {
  const RanksState all = step_function_.take(runner_, {setup_.stop_requested(), !problem.empty()});
  stops_ = all.stop;
  if (!all.failed) return;
  const std::vector<std::string> problems = ranks_.gather(problem);
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    const std::string& one = problems[static_cast<size_t>(rank)];
    if (!one.empty()) lose_rows(rank == 0 ? one : ranks_.name_of(rank) + ": " + one);
  }
}

void Trainer::lose_rows(const std::string& problem) {
  core::log::end_progress();
  if (saved_step_ != step_) save();
  distributed::end_all(ranks_, problem + ". Training stopped after step " + std::to_string(step_) +
                                   "; the checkpoint is saved, `fluxsbi resume " + setup_.run +
                                   "` continues from it once the data are back");
}

// The number of the signal that asks to stop here; of several ranks all give the same one.
int Trainer::signal_after_step() {
  if (ranks_.alone()) return setup_.stop_requested();
  if (!stops_) return 0;
  const std::vector<uint64_t> signals = ranks_.gather(static_cast<uint64_t>(setup_.stop_requested()));
  return static_cast<int>(*std::max_element(signals.begin(), signals.end()));
}

// All ranks compute the same update: weights that differ betray a machine that miscalculates, or a defect.
void Trainer::require_same_weights(bool whole_state) {
  if (ranks_.alone()) return;
  uint32_t sum = checksum(setup_.engine->parameters().master);
  if (whole_state) {
    for (const at::Tensor& part : {average(), best_average_, optimiser_.moment1, optimiser_.moment2})
      sum = checksum(part, sum);
  }
  const std::vector<uint64_t> sums = ranks_.gather(sum);
  const auto other = std::find_if(sums.begin(), sums.end(), [&](uint64_t one) { return one != sums[0]; });
  if (other == sums.end()) return;
  distributed::end_all(ranks_, "the weights of " + ranks_.name_of(static_cast<int>(other - sums.begin())) +
                                   " differ from those of " + ranks_.name_of(0) + " after step " +
                                   std::to_string(step_) +
                                   "; one of the two machines computes or remembers wrongly: leave it out. " +
                                   last_checkpoint());
}

void Trainer::advance_schedule() {
  const int64_t window = schedule_->window();
  if (window == 0 || step_ % window != 0) return;
  refuse_bad_numbers();
  schedule_->observe(step_function_.window_sum.item<double>() / static_cast<double>(window));
  step_function_.window_sum.zero_();
}

double Trainer::validate() {
  const double loss = validation_.loss();
  if (!std::isfinite(loss)) fail("the validation loss at step " + std::to_string(step_) + " is not finite");
  if (levels_) levels_->observe(validation_.information(), step_);
  if (loss < best_loss_) {
    best_loss_ = loss;
    best_step_ = step_;
    best_average_.copy_(average());
  }
  high_losses_ = loss > options_.val_error_ratio * best_loss_ ? high_losses_ + 1 : 0;
  if (options_.early_stopping && high_losses_ > options_.val_patience) {
    stopped_early_ = true;
    core::log::info("early stopping at step " + std::to_string(step_) + ": the validation loss exceeded " +
                    core::number_text(options_.val_error_ratio) + " times its best " +
                    std::to_string(high_losses_) + " times in a row");
  }
  if (options_.early_stopping && options_.plateau_patience > 0) watch_plateau();
  return loss;
}

void Trainer::watch_plateau() {
  plateau_.observe(validation_.rows());
  if (plateau_.stalled() < options_.plateau_patience || stopped_early_) return;
  stopped_early_ = true;
  core::log::info(
      "early stopping at step " + std::to_string(step_) + ": in " + std::to_string(plateau_.stalled()) +
      " validations the loss fell by no more than its standard error (training.plateau_patience)");
}

void Trainer::report(std::optional<double> validation_loss) {
  const auto steps = static_cast<double>(step_ - reported_step_);
  Metrics metrics;
  metrics.step = step_;
  metrics.train_loss = step_function_.loss_sum.item<double>() / steps;
  metrics.learning_rate = rate_;
  metrics.gradient_norm = step_function_.norm_sum.item<double>() / steps;
  metrics.validation_loss = validation_loss;
  metrics.best_validation_loss = best_loss_;
  if (reporter_) {
    writing([&] { reporter_->report(metrics); });
    if (const std::string slow = watch_.observe(step_, reporter_->seconds()); !slow.empty())
      core::log::warning(slow);
  }
  step_function_.loss_sum.zero_();
  step_function_.norm_sum.zero_();
  reported_step_ = step_;
}

void Trainer::save() {
  refuse_bad_numbers();
  require_same_weights(/*whole_state=*/true);
  if (ranks_.leads())
    writing([&] { checkpoint::save_state(setup_.run, state(), options_.keep_checkpoints); });
  saved_step_ = step_;
  core::set_last_words(last_checkpoint());
  if (!ranks_.leads()) return;
  const checkpoint::ModelFile best = best_model();
  if (best.step == saved_best_step_) return;
  writing([&] { checkpoint::save_model(checkpoint::best_path(setup_.run), best); });
  saved_best_step_ = best.step;
}

TrainingState Trainer::state() {
  TrainingState state;
  state.step = step_;
  state.seed = static_cast<uint64_t>(options_.seed);
  state.config = setup_.config;
  state.metrics_bytes = reporter_->metrics_bytes();
  state.model = setup_.model;
  state.arrays = {{"master", engine::to_array(setup_.engine->parameters().master)},
                  {"moment1", engine::to_array(optimiser_.moment1)},
                  {"moment2", engine::to_array(optimiser_.moment2)},
                  {"ema", engine::to_array(average())},
                  {"best_ema", engine::to_array(best_average_)}};
  state.scalars = schedule_->state();
  state.scalars.insert({{"loss_sum", step_function_.loss_sum.item<double>()},
                        {"norm_sum", step_function_.norm_sum.item<double>()},
                        {"window_sum", step_function_.window_sum.item<double>()},
                        {"reported_step", static_cast<double>(reported_step_)},
                        {"rate", rate_},
                        {"best_step", static_cast<double>(best_step_)},
                        {"best_loss", best_step_ > 0 ? best_loss_ : 0.0},
                        {"high_losses", static_cast<double>(high_losses_)},
                        {"stopped_early", stopped_early_ ? 1.0 : 0.0},
                        {"validation_due", validation_due_ ? 1.0 : 0.0},
                        {"nsteps", static_cast<double>(options_.nsteps)},
                        {"seconds", reporter_->seconds()}});
  plateau_.save(state);
  if (levels_) levels_->save(state);
  return state;
}

// The averaged weights with the lowest validation loss; before the first validation the latest ones.
checkpoint::ModelFile Trainer::best_model() {
  checkpoint::ModelFile model = setup_.model;
  const bool validated = best_step_ > 0;
  model.config = setup_.config;
  model.version = core::version;
  model.step = validated ? best_step_ : step_;
  model.validation_loss = validated ? best_loss_ : std::numeric_limits<double>::quiet_NaN();
  model.weights = engine::weights_by_name(setup_.engine->parameters(), validated ? best_average_ : average());
  return model;
}

void Trainer::refuse_bad_numbers() {
  const int64_t bad = step_function_.first_bad_step();
  if (bad > 0) fail("the training loss or its gradient was not finite in step " + std::to_string(bad));
}

void Trainer::fail(const std::string& what) {
  core::log::end_progress();
  distributed::end_all(
      ranks_,
      what + ". " + last_checkpoint() + ". Lower optimizer.max_lr (now " +
          core::number_text(setup_.optimizer.max_lr.value()) +
          ") or optimizer.clip_value, look for extreme values in the data, or try training.compute: float32");
}

std::string Trainer::last_checkpoint() const {
  if (saved_step_ < 0) return "There is no checkpoint yet";
  return "The last good checkpoint is " + checkpoint::state_path(setup_.run, saved_step_) +
         ", from which `fluxsbi resume " + setup_.run + "` continues";
}

// A file that cannot be written, on a full disk say, ends training; what was saved before stays valid.
template <class Write>
void Trainer::writing(const Write& write) {
  try {
    write();
  } catch (const core::UserError& problem) {
    core::log::end_progress();
    throw core::UserError(std::string(problem.what()) + ". Training stopped after step " +
                          std::to_string(step_) + ". " + last_checkpoint());
  }
}

}  // namespace

bool is_finished(const TrainingState& state, const TrainingOptions& training) {
  if (state.step >= training.nsteps) return true;
  const bool early = checkpoint::scalar(state, "stopped_early") > 0;
  return early && static_cast<int64_t>(checkpoint::scalar(state, "nsteps")) == training.nsteps;
}

TrainingResult train(TrainingSetup& setup, const std::optional<TrainingState>& state) {
  const at::NoGradGuard no_grad;
  if (state) {
    checkpoint::require_same_config(checkpoint::state_path(setup.run, state->step), state->config,
                                    setup.config, free_keys);
  }
  return Trainer(setup, state ? &*state : nullptr).run();
}

}  // namespace fluxsbi::train
