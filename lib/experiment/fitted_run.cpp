// The part of a TrainingRun that fits its steps and its network to a time.
#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "engine/weights.hpp"
#include "experiment/training_run.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::experiment {

train::Pace TrainingRun::measure(const TimeBudget& budget) {
  constexpr double part = 0.03, shortest = 0.2, longest = 4;  // seconds
  return pace(std::clamp(part * ranks().broadcast(budget.left()), shortest, longest));
}

train::Pace TrainingRun::pace(double seconds) {
  return train::measure_pace(setup_, seconds);
}

checkpoint::ModelFile TrainingRun::untrained_model() const {
  checkpoint::ModelFile file = setup_.model;
  file.config = setup_.config;
  const engine::FlatParameters& parameters = setup_.engine->parameters();
  file.weights = engine::weights_by_name(parameters, parameters.master);
  return file;
}

// Members side by side do as much as one training with all threads or more, so each gets its share of the
// time.
void TrainingRun::fit_to(const TimeBudget& budget) {
  const int64_t val_every = budget.sets_interval ? 0 : experiment_.training.val_every;
  int64_t members = experiment_.training.member ? 1 : experiment_.training.ensemble;
  // Of several ranks the clock of the first one counts.
  const auto left = [&] { return ranks().broadcast(budget.left()); };
  train::Pace pace = measure(budget);
  FittedSteps fitted = fit_steps(pace, left(), val_every, budget.most_steps, members);
  std::string network;
  if (budget.small_network && fitted.steps < budget.least_steps) {
    network = take_small_network(budget, fitted.steps);
    pace = measure(budget);
    fitted = fit_steps(pace, left(), val_every, budget.most_steps, members);
  }
  if (fitted.steps < fewest_fitted_steps) {
    const double spent = 60 * budget.minutes - left();
    const double needed =
        spent + static_cast<double>(members) * fit_steps(pace, 1e9, val_every, fewest_fitted_steps).seconds;
    const std::string least = core::brief_text(std::ceil(100 * needed / 60) / 100);
    if (budget.asked) {
      throw core::UserError("--minutes " + core::number_text(budget.minutes) + " leaves time for " +
                            std::to_string(fitted.steps) + " steps of " +
                            std::to_string(experiment_.training.batch_size) + " rows" +
                            (members > 1 ? " for each of " + std::to_string(members) + " members" : "") +
                            ", and fewer than " + std::to_string(fewest_fitted_steps) +
                            " teach a network nothing; give at least --minutes " + least +
                            (members > 1 ? ", or fewer members, or a smaller network or batch"
                                         : ", or a smaller network or batch"));
    }
    fitted = fit_steps(pace, 1e9, val_every, fewest_fitted_steps);
  }
  if (budget.most_members > 1) members = fit_members(budget, fitted);
  if (!experiment_.training.member) experiment_.training.ensemble = members;
  core::log::info(fitted_text(budget, pace, fitted, members, network));
  set_steps(budget, fitted);
}

std::string TrainingRun::take_small_network(const TimeBudget& budget, int64_t steps) {
  experiment_.model = budget.small_network->clone();
  unresolved_ = experiment_.model->clone();
  seen_ = model::resolve(*experiment_.model, experiment_.embedding, dataset_.shape);
  build_engines();
  return "a smaller network of " + budget.small_text + " is trained, because the usual one would take " +
         std::to_string(steps) + " steps, fewer than " + std::to_string(budget.least_steps) + "; ";
}

void TrainingRun::set_steps(const TimeBudget& budget, const FittedSteps& fitted) {
  train::TrainingOptions& training = experiment_.training;
  train::OptimizerOptions& optimizer = experiment_.optimizer;
  setup_.planned_seconds = fitted.seconds;
  const bool changes = budget.asked || fitted.steps != training.nsteps;
  if (changes) {
    training.nsteps = fitted.steps;
    if (budget.sets_interval) training.val_every = fitted.val_every;
    const bool too_long = optimizer.warmup_steps.value_or(0) > fitted.steps;
    if (too_long && !budget.sets_warmup)
      core::log::warning(
          "optimizer.warmup_steps is longer than the training; it is a tenth of the steps now");
    if (optimizer.warmup_steps && (budget.sets_warmup || too_long))
      optimizer.warmup_steps = train::default_warmup(fitted.steps);
    if (optimizer.schedule_steps)
      core::log::warning(
          "optimizer.schedule_steps gives way: the learning rate takes its course over the steps that fit");
    optimizer.schedule_steps.reset();
  }
  set_options();
}

}  // namespace fluxsbi::experiment
