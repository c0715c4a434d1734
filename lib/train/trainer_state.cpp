// What a training saves, and how it goes on from there.
#include <limits>

#include "core/stop.hpp"
#include "core/version.hpp"
#include "engine/weights.hpp"
#include "train/rank_part.hpp"
#include "train/trainer_parts.hpp"

namespace fluxsbi::train {

using checkpoint::TrainingState;

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

}  // namespace fluxsbi::train
