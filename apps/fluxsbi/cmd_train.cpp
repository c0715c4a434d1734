#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "data_arguments.hpp"
#include "distributed/ranks.hpp"
#include "experiment/recommendation.hpp"
#include "experiment/runs.hpp"
#include "io/output.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct TrainArguments {
  std::string config, run;
  DataArguments data;
  experiment::Execution execution;
  std::vector<std::string> assignments;
  std::optional<int64_t> seed, ensemble;
  std::optional<double> minutes;
  experiment::Members members;
  double rank_timeout = distributed::default_silence;
  bool online = false, force = false;
};

// --data, --task, --online and --seed are short forms of --set; the file's own source of data gives way to
// them.
void apply_arguments(const TrainArguments& arguments, config::Value& document) {
  require_one_source(arguments.data);
  if (!arguments.data.data.empty() && arguments.online)
    throw core::UserError(
        "give --data or --online, not both: --online makes its simulations while it trains");
  put_into(arguments.data, document);
  if (arguments.online) {
    forget_files(document);
    config::set_from_command_line(document, "data.online=true");
  }
  if (arguments.seed)
    config::set_from_command_line(document, "training.seed=" + std::to_string(*arguments.seed));
  if (arguments.ensemble)
    config::set_from_command_line(document, "training.ensemble=" + std::to_string(*arguments.ensemble));
  for (const auto& assignment : arguments.assignments) config::set_from_command_line(document, assignment);
}

// A file of simulations in place of a config.
void refuse_simulations(const std::string& path) {
  const std::string extension = io::extension_of(path);
  for (const char* known : {".npz", ".h5", ".hdf5", ".csv", ".npy", ".txt", ".dat", ".tsv"}) {
    if (extension == known)
      throw core::UserError(path + " holds simulations, not a config: fluxsbi train --data " + path);
  }
}

// --minutes says how many steps there are.
void refuse_steps(const TrainArguments& arguments) {
  for (const std::string& assignment : arguments.assignments) {
    if (assignment.starts_with("training.nsteps="))
      throw core::UserError("give --minutes or --set " + assignment +
                            ", not both: --minutes fits the number of steps to the time");
  }
}

config::Value given_config(const TrainArguments& arguments) {
  if (!arguments.config.empty()) {
    refuse_simulations(arguments.config);
    return config::load_yaml(arguments.config);
  }
  const auto names_data = [](const std::string& assignment) { return assignment.starts_with("data."); };
  if (!arguments.data.names_data() &&
      std::none_of(arguments.assignments.begin(), arguments.assignments.end(), names_data))
    throw core::UserError(
        "nothing to train on: name simulations with --data F, a built-in task with --task NAME, or a config");
  return config::parse_yaml("{}", "the command line");
}

// runs/NAME of the config, the data or the task.
std::string run_folder(const TrainArguments& arguments) {
  if (!arguments.run.empty()) return arguments.run;
  for (const std::string& name : {arguments.config, arguments.data.data, arguments.data.task}) {
    const std::string stem = std::filesystem::path(name).stem().string();
    if (!stem.empty()) return "runs/" + stem;
  }
  throw core::UserError("name a folder for the run with -o");
}

int train(const TrainArguments& arguments) {
  const auto ranks = distributed::open_ranks(arguments.rank_timeout);
  distributed::run_together(*ranks, [&] {
    config::Value document;
    experiment::NewRun run;
    distributed::together(*ranks, [&] {
      document = given_config(arguments);
      run = {run_folder(arguments), arguments.force, arguments.execution};
      run.by_recipe = experiment::leaves_training_open(document);
      run.minutes = arguments.minutes;
      apply_arguments(arguments, document);
      run.members = arguments.members;
      if (arguments.minutes) refuse_steps(arguments);
    });
    run.execution.ranks = ranks;
    experiment::start_run(document, run);
  });
  return 0;
}

}  // namespace

Action declare_train(CLI::App& app) {
  auto arguments = std::make_shared<TrainArguments>();
  app.add_option(
      "config", arguments->config,
      "config file (YAML); without one, or where it has data, prior and simulator alone, the recipe "
      "chooses what is trained and how, and says why (docs/recipe.md)");
  add_data(app, arguments->data);
  app.add_flag("--online", arguments->online,
               "simulate while training, by the task or by the config's simulator.command");
  app.add_option("-o,--output", arguments->run,
                 "run folder (default: runs/NAME of the config, the data or the task)");
  app.add_option("--set", arguments->assignments,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  app.add_option(
      "--minutes", arguments->minutes,
      "how long this command may take: the pace is measured for some seconds, and the number of steps "
      "is fitted to the time (without a config the network and the number of models as well)");
  add_execution(app, arguments->execution);
  app.add_option("--seed", arguments->seed,
                 "seed of the data, the initial weights and the noise (training.seed)");
  app.add_option("--ensemble", arguments->ensemble,
                 "train so many models, which answer as one (training.ensemble)")
      ->check(above_zero());
  add_members(app, arguments->members);
  add_rank_timeout(app, arguments->rank_timeout);
  app.add_flag("--force", arguments->force, "replace a run that the folder holds");
  return [arguments, &app] {
    warn_of_rank_timeout(app);
    return train(*arguments);
  };
}

}  // namespace fluxsbi::app
