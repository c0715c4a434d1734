#include "train/trainer.hpp"

#include <cmath>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include "checkpoint/compare.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "distributed/ranks.hpp"
#include "train/trainer_parts.hpp"

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

Reporter::Start reporter_start(const TrainingState* state) {
  if (!state) return {};
  return {state->step, state->metrics_bytes, checkpoint::scalar(*state, "seconds")};
}

}  // namespace

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
  step_function_.x_noise_steps = setup.optimizer.schedule_steps.value_or(options_.nsteps);
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

// The number of the signal that asks to stop here; of several ranks all give the same one.
int Trainer::signal_after_step() {
  if (ranks_.alone()) return setup_.stop_requested();
  if (!stops_) return 0;
  const std::vector<uint64_t> signals = ranks_.gather(static_cast<uint64_t>(setup_.stop_requested()));
  return static_cast<int>(*std::max_element(signals.begin(), signals.end()));
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
  if (!plateau_.ended(options_.plateau_patience) || stopped_early_) return;
  stopped_early_ = true;
  const int64_t risen = plateau_.risen();
  core::log::info("early stopping at step " + std::to_string(step_) + ": in " +
                  std::to_string(plateau_.stalled()) +
                  " validations the loss fell by no more than its standard error" +
                  (risen > 0 ? ", and in " + std::to_string(risen) + " of them it was clearly higher" : "") +
                  " (training.plateau_patience)");
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
