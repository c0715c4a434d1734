#include "experiment/runs.hpp"

#include <filesystem>
#include <utility>

#include "checkpoint/training_state.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/data_section.hpp"
#include "distributed/ranks.hpp"
#include "experiment/ensemble.hpp"
#include "experiment/experiment.hpp"
#include "experiment/recommendation.hpp"
#include "experiment/training_run.hpp"
#include "io/lock.hpp"
#include "train/schedule.hpp"

namespace fluxsbi::experiment {

namespace {

// The paths of a run's data.
std::vector<std::string*> data_paths(data::DataOptions& data) {
  std::vector<std::string*> paths;
  for (auto* path : {&data.file, &data.theta_file, &data.x_file}) {
    if (*path) paths.push_back(&**path);
  }
  for (std::string& path : data.files) paths.push_back(&path);
  return paths;
}

// A run finds its data from any working directory.
void make_absolute(data::DataOptions& data) {
  for (std::string* path : data_paths(data)) {
    std::error_code problem;
    const auto absolute = std::filesystem::absolute(*path, problem);
    if (!problem) *path = absolute.lexically_normal().string();
  }
}

// The data of a run that lie elsewhere now.
void take_data(const std::vector<std::string>& paths, data::DataOptions& data, const std::string& folder) {
  if (paths.empty()) return;
  if (data.task) {
    throw core::UserError("--data " + paths.front() + ": the run " + folder +
                          " simulates its data itself (task " + *data.task + ")");
  }
  if (data.theta_file || data.x_file) {
    if (paths.size() != 2) {
      throw core::UserError("--data " + paths.front() + ": the run " + folder +
                            " reads data.theta_file and data.x_file; give both files, theta's first");
    }
    data.theta_file = paths[0];
    data.x_file = paths[1];
  } else if (data.file && paths.size() == 1) {
    data.file = paths.front();
  } else {
    data.file.reset();
    data.files = paths;
  }
}

void require_data(const data::DataOptions& data, const std::string& folder) {
  if (const auto path = data::missing_file(data))
    throw core::UserError(folder + ": the data " + *path +
                          " are not there any more; name their new place: fluxsbi resume " + folder +
                          " --data FILE (their checksum tells whether they are the same)");
}

// With more steps than were asked for at first, a cosine schedule over all of them would raise a rate that
// has fallen already. Unless that is asked for, the old course goes on, at its last rate when it has ended.
void settle_schedule(Experiment& experiment, const Experiment& before, int64_t step, bool restart) {
  train::OptimizerOptions& optimizer = experiment.optimizer;
  if (optimizer.schedule != train::ScheduleKind::cosine || before.optimizer.schedule != optimizer.schedule)
    return;
  const int64_t old_total = before.optimizer.schedule_steps.value_or(before.training.nsteps);
  if (restart) optimizer.schedule_steps = experiment.training.nsteps;
  const bool chosen = optimizer.schedule_steps && optimizer.schedule_steps != before.optimizer.schedule_steps;
  const double old_rate = train::make_schedule(before.optimizer, before.training)->rate(step);
  const double rate = train::make_schedule(optimizer, experiment.training)->rate(step);
  constexpr double rounding = 1e-3;
  if (rate <= old_rate * (1 + rounding)) return;
  const std::string from = core::number_text(old_rate), to = core::number_text(rate);
  const std::string total = std::to_string(optimizer.schedule_steps.value_or(experiment.training.nsteps));
  if (chosen) {
    core::log::info("the learning rate rises from " + from + " to " + to +
                    ": the cosine schedule now runs over " + total + " steps");
    return;
  }
  optimizer.schedule_steps = old_total;
  core::log::info("the learning rate goes on from " + from + ": the cosine schedule keeps to its " +
                  std::to_string(old_total) +
                  " steps, and later ones are taken at its last rate. --restart-rate " +
                  "stretches it over " + total + " steps, which raises the rate to " + to + " now");
}

// The run's own config, with another total of steps where one is asked for.
config::Value config_of_run(const std::string& folder, std::optional<int64_t> steps) {
  const std::filesystem::path config = std::filesystem::path(folder) / "config.yaml";
  if (std::filesystem::is_regular_file(folder)) {
    throw core::UserError(
        folder +
        ": is a file; resume needs the run folder with its checkpoints, because weights alone hold no state "
        "of the training");
  }
  if (!std::filesystem::exists(config)) {
    throw core::UserError(folder +
                          ": is not a run folder (no config.yaml in it); start one with fluxsbi train");
  }
  config::Value document = config::load_yaml(config.string());
  if (steps) config::set_from_command_line(document, "training.nsteps=" + std::to_string(*steps));
  return document;
}

constexpr double most_minutes = 60 * 24 * 365;

void log_choices(const Recommendation& chosen) {
  core::log::info("the recipe for " + chosen.subject() + " (docs/recipe.md; --set changes a choice):");
  for (const RecipeChoice& choice : chosen.choices) core::log::info("  " + choice.line());
}

bool is_given(const config::Value& config, const char* section, const char* key) {
  const config::Value* keys = config.find(section);
  const config::Value* value = keys ? keys->find(key) : nullptr;
  return value && value->kind != config::Value::Kind::null;
}

// The recipe's own limit does not touch steps that the user chose.
std::optional<TimeBudget> time_budget(const config::Value& config, const NewRun& run,
                                      const std::optional<Recommendation>& chosen, double started) {
  if (!run.minutes && (!chosen || is_given(config, "training", "nsteps"))) return {};
  TimeBudget budget;
  budget.started = started;
  budget.asked = run.minutes.has_value();
  budget.sets_interval = !is_given(config, "training", "val_every");
  budget.sets_warmup = !is_given(config, "optimizer", "warmup_steps");
  if (chosen) {
    budget.most_steps = chosen->recipe.steps;
    budget.least_steps = chosen->recipe.least_steps;
    if (chosen->chose_network) {
      budget.small_network = read_experiment(chosen->with_small_network()).model;
      budget.small_text = network_text(chosen->recipe.small_network, chosen->facts.shape);
    }
    if (run.execution.ranks->alone() && !is_given(config, "training", "ensemble")) {
      const Recipe& recipe = chosen->recipe;
      budget.most_members = run.minutes ? recipe.most_members : recipe.members;
      if (recipe.members > 1) budget.better_members = recipe.most_members;
    }
  }
  budget.minutes = run.minutes ? *run.minutes : chosen->recipe.minutes;
  return budget;
}

void refuse_bad_minutes(const NewRun& run) {
  if (run.minutes && !(*run.minutes > 0 && *run.minutes <= most_minutes))
    throw core::UserError("--minutes " + core::number_text(*run.minutes) + ": must be above 0 and at most " +
                          core::number_text(most_minutes));
}

// Ranks share one model; what the user chose is refused below.
void train_one_model(const distributed::Communicator& ranks, const config::Value& given,
                     Experiment& experiment) {
  if (ranks.alone() || !is_ensemble(experiment) || is_given(given, "training", "ensemble")) return;
  core::log::info(std::to_string(ranks.size()) +
                  " ranks train one model, where the recipe has an ensemble of " +
                  std::to_string(experiment.training.ensemble));
  experiment.training.ensemble = 1;
}

// Its members are processes that this one starts.
void refuse_ensemble(const distributed::Communicator& ranks) {
  if (ranks.alone()) return;
  throw core::UserError("training.ensemble trains its members in processes of its own (--jobs), and so " +
                        std::to_string(ranks.size()) +
                        " ranks cannot share it; start it as one process, without the launcher");
}

void warn_of_jobs(const Members& members) {
  if (members.jobs) core::log::warning("--jobs has no effect: it is for ensembles (training.ensemble)");
}

}  // namespace

// Of several ranks all read the config and none has begun.
void start_run(const config::Value& config, const NewRun& run) {
  const double started = core::steady_seconds();
  distributed::Communicator& ranks = *run.execution.ranks;
  distributed::on_first(ranks, [&] {
    refuse_bad_minutes(run);
    check_run_folder(run.folder, run.force);
  });
  std::optional<Recommendation> chosen;
  Experiment experiment;
  distributed::together(ranks, [&] {
    if (run.by_recipe) chosen = recommend(config);
    if (chosen) log_choices(*chosen);
    experiment = read_experiment(chosen ? chosen->document : config);
    for (const auto& warning : experiment.warnings) core::log::warning(warning);
    if (!experiment.data.has_source()) {
      throw core::UserError(config.place.file +
                            ": no data: name a file with --data F, a built-in task with --task NAME, or "
                            "data.file in the config");
    }
    if (experiment.distillation.active())
      throw core::UserError(config.place.file +
                            ": distillation.evaluations: a student learns from a trained " +
                            "model; start it with fluxsbi distill RUN");
    make_absolute(experiment.data);
    if (chosen) train_one_model(ranks, config, experiment);
    if (is_ensemble(experiment)) refuse_ensemble(ranks);
  });
  const auto budget = time_budget(config, run, chosen, started);
  use_all_threads();
  auto training = prepare_training(run.folder, std::move(experiment), run.execution, budget);
  distributed::on_first(ranks, [&] { training->open_folder(/*anew=*/true); });
  if (!is_ensemble(training->experiment())) {
    warn_of_jobs(run.members);
    return training->train(std::nullopt);
  }
  const core::FileDescriptor lock = training->take_lock();
  const train::TrainingOptions options = training->experiment().training;
  training.reset();  // each member has its own rows
  train_members(run.folder, options, run.execution, run.members);
}

void place_data(const std::vector<std::string>& paths, data::DataOptions& data, const std::string& folder) {
  take_data(paths, data, folder);
  make_absolute(data);
}

void settle_data(const std::vector<std::string>& paths, data::DataOptions& data, const std::string& folder) {
  place_data(paths, data, folder);
  require_data(data, folder);
}

void resume_run(const std::string& folder, const Continuation& how, const Execution& execution) {
  const auto& steps = how.steps;
  distributed::Communicator& ranks = *execution.ranks;
  Experiment experiment;
  distributed::together(ranks, [&] {
    experiment = read_experiment(config_of_run(folder, steps));
    if (is_ensemble(experiment)) refuse_ensemble(ranks);
  });
  if (is_ensemble(experiment)) return resume_ensemble(folder, std::move(experiment), how, execution);
  warn_of_jobs(how.members);
  distributed::on_first(ranks, [&] { io::lock_folder(folder); });  // given up again until the training begins
  std::optional<checkpoint::TrainingState> state;
  bool finished = false;
  distributed::together(ranks, [&] {
    state = checkpoint::load_latest_state(folder);
    finished = std::filesystem::exists(std::filesystem::path(folder) / "model.safetensors");
  });
  const bool longer = state && steps && state->step < experiment.training.nsteps;
  if (ranks.broadcast(finished && !longer ? 1.0 : 0.0) > 0) {
    core::log::info(folder + ": the run has finished" +
                    (state ? " at step " + std::to_string(state->step) : std::string()) +
                    "; to train longer, use --steps with a larger total");
    return;
  }
  distributed::together(ranks, [&] {
    if (state) {  // options that the version which wrote it did not have stand at their defaults
      const Experiment before = read_experiment(config::parse_yaml(state->config, "the checkpoint"));
      state->config = resolved_yaml(before);
      settle_schedule(experiment, before, state->step, how.restart_rate);
    }
    settle_data(how.data, experiment.data, folder);
  });
  core::log::info(state ? "resuming at step " + std::to_string(state->step)
                        : "no checkpoint yet: starting at step 0");
  use_all_threads();
  continue_training(folder, std::move(experiment), execution, state);
}

}  // namespace fluxsbi::experiment
