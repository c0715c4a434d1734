#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "benchmark/flat_config.hpp"
#include "benchmark/tuning.hpp"
#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data_arguments.hpp"
#include "distributed/ranks.hpp"
#include "experiment/experiment.hpp"
#include "idle_options.hpp"
#include "io/atomic_file.hpp"
#include "io/text_file.hpp"
#include "sample/files/shard.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

namespace fs = std::filesystem;

struct TuneArguments {
  std::string config, space, out, criterion = "log-density", shard = "0/1";
  DataArguments data;
  std::vector<std::string> settings;
  int64_t trials = 9, pairs = benchmark::Tuning().pairs, jobs = 1;
  uint64_t seed = 1;
  bool table_only = false, json = false;
};

// The config of one trial, as training will read it.
config::Value trial_document(const TuneArguments& arguments, const std::vector<std::string>& trial) {
  config::Value document = config::load_yaml(arguments.config);
  require_one_source(arguments.data);
  put_into(arguments.data, document);
  for (const auto* settings : {&arguments.settings, &trial}) {
    for (const std::string& setting : *settings) config::set_from_command_line(document, setting);
  }
  return document;
}

// Keys that the search itself sets, and those after which scores are of different things.
void check_space(const benchmark::SearchSpace& space, benchmark::Criterion criterion) {
  const auto refuse = [](const std::string& key, const std::string& why) {
    throw core::UserError("the space tries " + key + ": " + why + "; leave it out");
  };
  for (const auto& [key, values] : space.keys) {
    for (const char* own : {"training.nsteps", "optimizer.schedule_steps"}) {
      if (key == own)
        refuse(key, "trials train for as many steps as the config says, the first rungs for fewer");
    }
    for (const char* rows : {"training.seed", "data.validation_fraction", "data.max_validation"}) {
      if (key == rows) refuse(key, "trials are compared by the same validation rows, which it changes");
    }
    const bool targets = key == "strategy" || key.starts_with("strategy.") || key == "data" ||
                         key.starts_with("data.") || key.starts_with("condition_mask") ||
                         key.starts_with("prior.");
    if (criterion == benchmark::Criterion::validation_loss && targets)
      throw core::UserError(
          "the space tries " + key +
          ", after which validation losses are of different things; choose by --by log-density");
  }
}

// What OUT was begun with; the same command goes on, another one is refused.
void open_search(const TuneArguments& arguments, const benchmark::Tuning& tuning) {
  nlohmann::ordered_json wanted;
  wanted["config"] = benchmark::flat_config(trial_document(arguments, {}));
  wanted["trials"] = tuning.trials;
  wanted["criterion"] = arguments.criterion;
  wanted["pairs"] = std::to_string(tuning.pairs);
  if (fs::exists(arguments.out) && !fs::is_directory(arguments.out))
    throw core::UserError("-o " + arguments.out + ": is a file; name a folder for the search");
  const std::string path = arguments.out + "/tune.json", config = arguments.out + "/config.yaml";
  const bool has_config = fs::exists(config);  // asked first: a search writes tune.json before it
  if (!fs::exists(path)) {
    if (arguments.table_only)
      throw core::UserError(arguments.out + " holds no search; leave out --table-only to begin one");
    if (has_config)
      throw core::UserError("-o " + arguments.out + " holds a config.yaml that is not a search's, and that " +
                            "would be lost; name a new folder for the search");
    std::error_code problem;
    fs::create_directories(arguments.out, problem);
    if (problem) io::fail_to_write(arguments.out, problem.value());
    io::write_text(path, wanted.dump(1) + "\n");
    io::write_text(config, io::read_text(arguments.config));
    return;
  }
  const auto there = nlohmann::ordered_json::parse(io::read_text(path), nullptr, false);
  if (!there.is_object()) throw core::UserError(path + ": is damaged; take another folder");
  const std::string remedy = "; give the command as it was, or take another folder (-o)";
  if (there["config"] != wanted["config"])
    throw core::UserError(arguments.out + " holds a search with another config: " +
                          benchmark::first_difference(there["config"].get<benchmark::FlatConfig>(),
                                                      wanted["config"].get<benchmark::FlatConfig>()) +
                          remedy);
  for (const char* key : {"trials", "criterion", "pairs"}) {
    if (there[key] != wanted[key])
      throw core::UserError(
          arguments.out + " holds a search of another kind: " + key +
          (std::string_view(key) == "trials" ? " differ (--space, --trials or --seed)" : " differs") +
          remedy);
  }
  if (!has_config && !arguments.table_only)  // killed between the two
    io::write_text(config, io::read_text(arguments.config));
}

// The words behind `train` that all trials share.
std::vector<std::string> train_words(const TuneArguments& arguments) {
  std::vector<std::string> words{arguments.out + "/config.yaml"};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {option, value});
  };
  add("--data", arguments.data.data);
  add("--theta-key", arguments.data.theta_key);
  add("--x-key", arguments.data.x_key);
  add("--task", arguments.data.task);
  for (const std::string& setting : arguments.settings) add("--set", setting);
  return words;
}

benchmark::Tuning tuning_of(const TuneArguments& arguments) {
  benchmark::Tuning tuning;
  tuning.program = (fs::read_symlink("/proc/self/exe").parent_path() / "fluxsbi").string();
  tuning.out = arguments.out;
  tuning.criterion = arguments.criterion == "log-density" ? benchmark::Criterion::log_density
                                                          : benchmark::Criterion::validation_loss;
  tuning.pairs = arguments.pairs;
  const auto space = benchmark::load_space(arguments.space);
  check_space(space, tuning.criterion);
  tuning.trials = benchmark::draw_trials(space, arguments.trials, arguments.seed);
  const auto base = experiment::read_experiment(trial_document(arguments, {}));
  tuning.rungs = benchmark::rungs_of(std::ssize(tuning.trials), base.training.nsteps);
  for (const auto& trial : tuning.trials) {
    try {
      experiment::read_experiment(trial_document(arguments, trial));
    } catch (const core::UserError& problem) {
      throw core::UserError("trial " + core::join(trial) + " of " + arguments.space + ": " + problem.what());
    }
  }
  tuning.train = train_words(arguments);
  return tuning;
}

// --by validation-loss computes no densities; --table-only computes nothing.
void warn_of_idle(const TuneArguments& arguments, const CLI::App& command) {
  if (arguments.criterion == "validation-loss")
    warn_idle(command, {"--pairs"},
              "is how many log-densities are computed, and --by validation-loss needs none");
  if (arguments.table_only)
    warn_idle(command, {"--jobs", "--shard"},
              "says how trials are worked on, and --table-only works on none");
}

int tune_command(const TuneArguments& arguments, const CLI::App& command) {
  warn_of_idle(arguments, command);
  if (!arguments.table_only && arguments.shard != "auto")
    distributed::refuse_ranks("tune", "give --shard auto, by which they share its trials");
  const sample::Shard shard = arguments.table_only ? sample::Shard() : sample::parse_shard(arguments.shard);
  const benchmark::Tuning tuning = tuning_of(arguments);
  open_search(arguments, tuning);
  if (!arguments.table_only) {
    const int threads = std::max(1, core::usable_threads() / static_cast<int>(arguments.jobs));
    benchmark::WorkOptions options;
    options.jobs = arguments.jobs;
    options.threads = arguments.jobs > 1 ? threads : 0;
    options.stop = core::stop_requested;
    core::set_last_words("the same command goes on");
    const auto best = benchmark::tune(tuning, options, shard);
    const std::string run = benchmark::trial_folder(tuning, best.front());
    io::write_text(arguments.out + "/best.yaml", io::read_text(run + "/config.yaml"));
    core::log::info("the best: " + core::join(tuning.trials[best.front()]) + "; its run is " + run +
                    ", trained to the end, and its config " + arguments.out + "/best.yaml");
    if (shard.index > 0) return 0;  // part 0 prints the table
  }
  std::cout << (arguments.json ? benchmark::tuning_json(tuning) : benchmark::tuning_table(tuning));
  return 0;
}

}  // namespace

Action declare_tune(CLI::App& app) {
  auto arguments = std::make_shared<TuneArguments>();
  app.add_option("config", arguments->config, "config file (YAML), which every trial changes")->required();
  add_data(app, arguments->data);
  app.add_option("--space", arguments->space,
                 "YAML file of what to try: lists of values, by the config's keys")
      ->required();
  app.add_option(
         "--trials", arguments->trials,
         "how many combinations are tried; a third of them goes on at a time, for three times the steps")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option(
         "--by", arguments->criterion,
         "what trials are judged by, on validation rows: log-density of theta, or validation-loss, which "
         "costs nothing and compares trainings of one method")
      ->check(CLI::IsMember({"log-density", "validation-loss"}))
      ->capture_default_str();
  app.add_option("--pairs", arguments->pairs, "validation rows whose log-density is computed")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  app.add_option("--set", arguments->settings, "section.key=value of all trials; may be repeated")
      ->allow_extra_args(true);
  add_seed(app, arguments->seed, "seed of the choice among combinations");
  app.add_option("-o,--output", arguments->out,
                 "folder of the search, which holds a run folder for each trial")
      ->required();
  app.add_option("--jobs", arguments->jobs, "trials that are worked on at a time; they share the threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option(
         "--shard", arguments->shard,
         "i/n: this process is the i-th, counted from 0, of n that share the trials in one folder: it "
         "begins at its part of each rung, and goes on with whatever no other has; auto: as the "
         "launcher says (srun, mpirun, torchrun or a SLURM array)")
      ->capture_default_str();
  app.add_flag("--table-only", arguments->table_only, "print the table of what is there, and do nothing");
  app.add_flag("--json", arguments->json, "print the table as JSON");
  return [arguments, &app] { return tune_command(*arguments, app); };
}

}  // namespace fluxsbi::app
