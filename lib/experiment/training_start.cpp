// In which order a TrainingRun's steps are taken, for a new run and for one that goes on.
#include <memory>
#include <optional>
#include <utility>

#include "distributed/ranks.hpp"
#include "experiment/data_look.hpp"
#include "experiment/distillation.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

// The members of an ensemble open the rows themselves.
std::unique_ptr<TrainingRun> prepare_training(const std::string& run, Experiment experiment,
                                              const Execution& execution,
                                              const std::optional<TimeBudget>& budget) {
  distributed::Communicator& ranks = *execution.ranks;
  // How many members there are is open then: a single model's rows are opened, and its pace is measured.
  if (budget && budget->most_members > 1) experiment.training.ensemble = 1;
  const bool members_train = is_ensemble(experiment);
  std::unique_ptr<TrainingRun> training;
  distributed::together(
      ranks, [&] { training = std::make_unique<TrainingRun>(run, std::move(experiment), execution); });
  distributed::together(ranks, [&] { training->open_data(); });
  distributed::together(ranks, [&] {
    training->survey_data();
    training->find_symmetries();
    training->build();
    training->look_at_data();
    training->estimate_step();
    log_look(training->look());
    if (budget || !members_train) training->take_rows();
  });
  training->require_same_inputs(0);
  if (budget) distributed::together(ranks, [&] { training->fit_to(*budget); });
  return training;
}

void start_training(const std::string& run, Experiment experiment, const Execution& execution,
                    const std::optional<TimeBudget>& budget) {
  const auto training = prepare_training(run, std::move(experiment), execution, budget);
  distributed::on_first(*execution.ranks, [&] { training->open_folder(/*anew=*/true); });
  training->train(std::nullopt);
}

void continue_training(const std::string& run, Experiment experiment, const Execution& execution,
                       const std::optional<checkpoint::TrainingState>& state) {
  distributed::Communicator& ranks = *execution.ranks;
  std::optional<TrainingRun> training;
  distributed::together(ranks, [&] {
    training.emplace(run, std::move(experiment), execution);
    if (training->experiment().distillation.active()) training->take_teacher(kept_teacher(run));
  });
  distributed::together(ranks, [&] { training->open_data(); });
  distributed::together(ranks, [&] {
    training->survey_data();
    if (state) {
      training->require_same_data(*state);
      training->keep_symmetries(*state);
    }
    training->find_symmetries();
    training->build();
    training->look_at_data();  // train.log has what it found; the model file remembers the data
    training->take_rows();
  });
  training->require_same_inputs(state ? state->step : 0);
  distributed::on_first(ranks, [&] { training->open_folder(/*anew=*/false); });
  training->train(state);
}

}  // namespace fluxsbi::experiment
