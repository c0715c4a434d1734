// A run folder and what `train` and `resume` do with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "checkpoint/model_file.hpp"
#include "checkpoint/training_state.hpp"
#include "core/file_descriptor.hpp"
#include "data/dataset.hpp"
#include "data/look/look.hpp"
#include "data/simulate/simulation_stream.hpp"
#include "data/survey.hpp"
#include "data/symmetry/find_symmetries.hpp"
#include "engine/device.hpp"
#include "experiment/execution.hpp"
#include "experiment/experiment.hpp"
#include "experiment/time_budget.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::experiment {

/// Throws UserError unless a run may be started in this folder: it holds no file of one, or `force` is set,
/// and no other process trains in it.
void check_run_folder(const std::string& run, bool force);

/// What is done with a model that has been trained, for the log. has_x: it answers about observations.
std::string next_commands(const std::string& run, bool has_x);

class TrainingRun;

/// Loads the data, looks at them, fits the standardisers and builds the networks: all that can be wrong with
/// config and data has been checked, and no file of the run has been touched. With `budget` the pace is
/// measured, and steps, network and members are those that the time holds.
std::unique_ptr<TrainingRun> prepare_training(const std::string& run, Experiment experiment,
                                              const Execution& execution,
                                              const std::optional<TimeBudget>& budget = {});

/// Prepares a single model and trains it to the end. The folder is made, and the files of an old run in it
/// removed, between the two; config.yaml (resolved) is written before the training.
void start_training(const std::string& run, Experiment experiment, const Execution& execution,
                    const std::optional<TimeBudget>& budget = {});

/// The same for a run that the folder holds, from `state` or, without a checkpoint, from step 0. Nothing is
/// removed. Throws UserError for a state that was trained on other data.
void continue_training(const std::string& run, Experiment experiment, const Execution& execution,
                       const std::optional<checkpoint::TrainingState>& state);

/// One training from experiment to model file, in the order of its steps. Each takes what those before it
/// have made; all but the last two leave the run folder as it is.
class TrainingRun {
 public:
  TrainingRun(std::string run, Experiment experiment, Execution execution);
  TrainingRun(const TrainingRun&) = delete;  // the rows refer to the survey

  /// The run is a distillation (experiment().distillation), and this is the teacher: its weights are where
  /// the student begins, and its standardisation stays. Comes before open_data().
  void take_teacher(std::shared_ptr<const checkpoint::ModelFile> teacher);

  /// Opens the data and resolves prior and model for them. Throws UserError for data of other variables than
  /// a teacher's.
  void open_data();
  /// Reads the data once: standardisers, split and fingerprint.
  void survey_data();
  /// A run goes on with the symmetries that it began with, whatever this version of the program would find.
  /// Comes before find_symmetries().
  void keep_symmetries(const checkpoint::TrainingState& state);
  /// Finds the symmetries of the surveyed data that training makes use of (data.symmetries).
  void find_symmetries();
  /// Throws UserError for a checkpoint of other data than those surveyed.
  void require_same_data(const checkpoint::TrainingState& state) const;
  /// Builds method, networks and engines.
  void build();
  /// Of several ranks: throws UserError, naming the rank, where one has another config, other data, another
  /// compute type or begins after another step than `step`.
  void require_same_inputs(int64_t step);
  /// Looks at what the data hold.
  void look_at_data();
  /// Adds what a step takes to the look, where that is much.
  void estimate_step();
  /// Measures the pace and fits the steps to the time; rows() have been taken. Throws UserError where the
  /// time is too short to learn anything.
  void fit_to(const TimeBudget& budget);
  /// Measures the pace for about so many seconds; rows() have been taken.
  train::Pace pace(double seconds);
  /// What a model file of the start values would hold.
  checkpoint::ModelFile untrained_model() const;
  /// Makes the folder ready, without the files of an old run where `anew`, and writes config.yaml; data.json,
  /// the look at the data, for a new run alone.
  void open_folder(bool anew);
  distributed::Communicator& ranks() { return *execution_.ranks; }
  /// Hands the rows to the trainer; the data are not looked at afterwards.
  void take_rows();
  /// Trains to the end.
  void train(const std::optional<checkpoint::TrainingState>& state);
  /// The lock of the folder that open_folder() took, for whoever outlives this object.
  core::FileDescriptor take_lock() { return std::move(lock_); }

  /// As read, resolved for the data and fitted to a time.
  const Experiment& experiment() const { return experiment_; }

  const data::Dataset& dataset() const { return dataset_; }
  const data::Look& look() const { return look_; }
  const data::Survey& survey() const { return survey_; }

 private:
  /// The rate at which training hides values of x, 0 unless x may lack values.
  double missing_rate() const;
  /// Says what of x is missing, and what of it training never lacks; the model remembers how much it lacks.
  void note_missing();
  /// Throws UserError for data of other variables than the teacher's.
  void require_variables_of_teacher() const;
  /// The student sees what its teacher saw: standardisers and regression.
  void keep_standardisation();
  /// Gives the student its teacher, and its weights as the first ones.
  void ask_teacher();
  /// Gives the trainer the options of the experiment.
  void set_options();
  /// Builds networks and engines.
  void build_engines();
  /// Says where a training is too short for learned levels.
  void check_levels() const;
  train::Pace measure(const TimeBudget& budget);
  /// Takes the budget's small network, and says so in the returned words.
  std::string take_small_network(const TimeBudget& budget, int64_t steps);
  void set_steps(const TimeBudget& budget, const FittedSteps& fitted);
  void report(const train::TrainingResult& result) const;

  Experiment experiment_;
  Execution execution_;
  engine::DeviceChoice device_;
  uint64_t seed_;           ///< of the data, the split and the look at them: of an ensemble all members' own
  uint64_t training_seed_;  ///< of the initial weights, the order of rows and the noise
  std::shared_ptr<const checkpoint::ModelFile> teacher_;  ///< null: no distillation
  data::Dataset dataset_;
  std::unique_ptr<model::Spec> unresolved_;  ///< the model before it is resolved for the data
  data::DataShape seen_;                     ///< what the network sees of the data's shape
  data::Survey survey_;
  std::optional<std::string> kept_symmetries_;  // of the checkpoint that the run goes on from
  data::ChosenSymmetries symmetries_;
  data::StreamCounts before_training_;  ///< of simulations made while training
  data::Look look_;
  bool joint_ = false;
  std::string compute_reason_, engine_sentence_;
  core::FileDescriptor lock_;  ///< of the folder, once it is open
  train::TrainingSetup setup_;
};

}  // namespace fluxsbi::experiment
