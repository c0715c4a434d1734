#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <CLI/CLI.hpp>

#include "benchmark/embedded.hpp"
#include "benchmark/plan.hpp"
#include "benchmark/published.hpp"
#include "benchmark/table.hpp"
#include "benchmark/work.hpp"
#include "benchmark_configs.hpp"
#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/process.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "distributed/ranks.hpp"
#include "idle_options.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::app {

namespace {

namespace fs = std::filesystem;

struct BenchmarkArguments {
  std::string out, config, reference, shard = "0/1", forest = "auto", python = "python3", format = "terminal";
  std::vector<std::string> tasks, models, methods, settings;
  std::vector<int64_t> budgets;
  std::vector<uint64_t> seeds;
  std::string label;
  std::optional<int64_t> observations, fresh;
  int64_t draws = benchmark::Protocol().draws, pairs = benchmark::Protocol().pairs, jobs = 1;
  bool list = false, dry_run = false, table_only = false, each = false, published = false;
};

using Configured = std::pair<benchmark::Entry, benchmark::EntryConfig>;

benchmark::Selection selection_of(const BenchmarkArguments& arguments) {
  benchmark::Selection selection;
  const auto take = [](const auto& given, auto& target) {
    if (!given.empty()) target = given;
  };
  take(arguments.tasks, selection.tasks);
  take(arguments.models, selection.models);
  take(arguments.methods, selection.methods);
  take(arguments.budgets, selection.budgets);
  take(arguments.seeds, selection.seeds);
  selection.label = arguments.label;
  return selection;
}

// Without a reference folder, fresh observations with exact posteriors take its place.
benchmark::Protocol wanted_protocol(const BenchmarkArguments& arguments) {
  benchmark::Protocol protocol;
  const bool reference = !arguments.reference.empty();
  if (!reference && arguments.observations.value_or(0) > 0)
    throw core::UserError(
        "--observations are those of a reference folder: name it with --reference (or the environment "
        "variable FLUXSBI_SBIBM), or draw fresh ones with --fresh " +
        std::to_string(*arguments.observations));
  protocol.observations = arguments.observations.value_or(reference ? protocol.observations : 0);
  protocol.fresh = arguments.fresh.value_or(reference && protocol.observations > 0 ? 0 : 10);
  protocol.draws = arguments.draws;
  protocol.pairs = arguments.pairs;
  if (protocol.observations + protocol.fresh == 0)
    throw core::UserError(
        "--observations 0 and --fresh 0 leave no observation to score, and an entry is done when its C2ST "
        "is known; give --fresh 1, beside which log-density and calibration (--pairs) stand, or train by "
        "hand: fluxsbi train --task TASK, then fluxsbi diagnose RUN --simulations " +
        std::to_string(arguments.pairs));
  return protocol;
}

// The tasks that can be scored. Those that were named must be among them; of `all` the others are left out.
std::vector<std::string> scored_tasks(const BenchmarkArguments& arguments,
                                      const benchmark::Scoring& scoring) {
  std::vector<std::string> kept, left;
  for (const std::string& task : benchmark::task_names(selection_of(arguments).tasks)) {
    const auto sets = benchmark::observation_sets(scoring, task);
    (sets.empty() ? left : kept).push_back(task);
    const bool named =
        std::find(arguments.tasks.begin(), arguments.tasks.end(), task) != arguments.tasks.end();
    const bool reference_lacks =
        scoring.reference && scoring.protocol.observations > 0 && !scoring.reference->has(task);
    if (sets.empty() && named)
      throw core::UserError(
          "nothing tells the right posterior of " + task + ": " +
          (reference_lacks ? "--reference has no folder of that name, and "
                           : "no --reference is given, and ") +
          "the task cannot draw from it; complete the reference folder, or choose other --tasks");
    if (!sets.empty() && reference_lacks)
      core::log::info(task + ": not in the reference folder; scored at fresh observations alone");
  }
  if (!left.empty())
    core::log::info("left out, since nothing tells their right posteriors: " + core::join(left) +
                    "; --reference names a folder with reference draws");
  if (kept.empty()) throw core::UserError("no task is left to score");
  return kept;
}

// An interpreter with scikit-learn, or "" with a line that says so.
std::string forest_python(const BenchmarkArguments& arguments) {
  if (arguments.forest == "off") return "";
  core::Command command;
  command.arguments = {arguments.python, "-c", "import numpy, sklearn.ensemble"};
  std::string problem = arguments.python + " cannot be started";
  try {
    const core::CommandResult result = core::run(command);
    if (result.status == 0) return arguments.python;
    problem = arguments.python + " has no scikit-learn";
  } catch (const std::system_error&) {
  }
  const std::string remedy =
      "install it (pip install scikit-learn, in a virtual environment) and name that python with --python";
  if (arguments.forest == "on") throw core::UserError("--forest on: " + problem + "; " + remedy);
  core::log::warning("scores by random forest are left out: " + problem + "; " + remedy);
  return "";
}

// Models, samples and scores that are not there yet.
void require_space(const benchmark::Scoring& scoring, const std::vector<Configured>& entries) {
  constexpr double run_bytes = 30e6;  // weights, three checkpoints of them with moments, log
  double bytes = 0;
  for (const auto& [entry, config] : entries) {
    if (fs::exists(entry.folder(scoring.out) + "/model.safetensors")) continue;
    constexpr double numbers = 10;  // of theta, at most
    bytes += run_bytes + static_cast<double>(scoring.protocol.observations + scoring.protocol.fresh) *
                             static_cast<double>(scoring.protocol.draws) * numbers * sizeof(float);
  }
  std::error_code problem;
  const auto space = fs::space(scoring.out, problem);
  if (!problem && static_cast<double>(space.available) < bytes)
    throw core::UserError(scoring.out + ": the benchmark needs about " + core::bytes_text(bytes) + ", and " +
                          core::bytes_text(static_cast<double>(space.available)) +
                          " are free; free some space, or take fewer entries");
}

void print_plan(const std::vector<benchmark::Work>& parts, bool commands) {
  std::set<std::string> shown;
  for (const benchmark::Work& part : parts) {
    const auto done = std::count_if(part.steps.begin(), part.steps.end(),
                                    [](const benchmark::Step& step) { return benchmark::is_done(step); });
    if (!commands) {
      std::cout << part.name << "  " << done << " of " << part.steps.size() << " steps done\n";
      continue;
    }
    std::vector<const benchmark::Work*> in_order;
    for (const auto& before : part.before) {
      if (shown.insert(before->folder).second) in_order.push_back(before.get());
    }
    in_order.push_back(&part);
    for (const benchmark::Work* work : in_order) {
      std::cout << "# " << work->name << "\n";
      for (const benchmark::Step& step : work->steps) {
        if (!benchmark::is_done(step)) std::cout << benchmark::command_line(step) << "\n";
      }
    }
  }
}

void print_table(const BenchmarkArguments& arguments, const std::vector<benchmark::Entry>& entries) {
  const auto protocol = benchmark::load_protocol(arguments.out);
  std::vector<benchmark::Outcome> outcomes;
  for (const benchmark::Entry& entry : entries)
    outcomes.push_back(benchmark::read_outcome(arguments.out, entry, protocol));
  std::cout << benchmark::table(outcomes, arguments.format, arguments.each);
}

// --table-only: what OUT holds, of what the command line names.
int show_table(const BenchmarkArguments& arguments) {
  const auto keep = [](const auto& given, const auto& value) {
    return given.empty() || std::find(given.begin(), given.end(), value) != given.end();
  };
  const auto tasks = benchmark::task_names(arguments.tasks);
  std::vector<benchmark::Entry> entries;
  for (const benchmark::Entry& entry : benchmark::entries_in(arguments.out)) {
    if (keep(tasks, entry.task) && keep(arguments.models, entry.model) &&
        keep(arguments.methods, entry.method) && keep(arguments.budgets, entry.simulations) &&
        keep(arguments.seeds, entry.seed) && (arguments.label.empty() || arguments.label == entry.label))
      entries.push_back(entry);
  }
  if (entries.empty())
    throw core::UserError(arguments.out + ": holds no entry of a benchmark" +
                          (benchmark::entries_in(arguments.out).empty() ? "" : " that these options name") +
                          "; leave out --table-only to make some");
  print_table(arguments, entries);
  return 0;
}

benchmark::Scoring scoring_of(const BenchmarkArguments& arguments) {
  benchmark::Scoring scoring;
  scoring.program = (fs::read_symlink("/proc/self/exe").parent_path() / "fluxsbi").string();
  scoring.out = arguments.out;
  if (fs::exists(arguments.out) && !fs::is_directory(arguments.out))
    throw core::UserError(arguments.out + ": is a file; name the folder of the benchmark");
  if (!arguments.reference.empty()) scoring.reference.emplace(arguments.reference);
  scoring.protocol = benchmark::joined_protocol(arguments.out, wanted_protocol(arguments));
  if (scoring.protocol.observations > 0 && !scoring.reference)
    core::log::warning(arguments.out +
                       " holds scores at the observations of a reference folder; without --reference "
                       "none is made in this call");
  return scoring;
}

std::vector<Configured> configured_entries(const BenchmarkArguments& arguments,
                                           const benchmark::Scoring& scoring) {
  benchmark::Selection selection = selection_of(arguments);
  benchmark::plan(selection, model_names());  // what is wrong with names is told first
  selection.tasks = scored_tasks(arguments, scoring);
  const BenchmarkConfigs wanted{arguments.config, arguments.settings, !arguments.models.empty(),
                                !arguments.methods.empty()};
  auto entries = benchmark_configs(benchmark::plan(selection, model_names()), wanted);
  for (const auto& [entry, config] : entries) benchmark::require_same_config(arguments.out, entry, config);
  return entries;
}

std::vector<benchmark::Work> parts_of(const benchmark::Scoring& scoring,
                                      const std::vector<Configured>& entries, const std::string& shard) {
  std::map<std::string, std::shared_ptr<const benchmark::Work>> tasks;
  std::vector<benchmark::Entry> names;
  for (const auto& [entry, config] : entries) names.push_back(entry);
  std::vector<benchmark::Work> parts;
  for (const benchmark::Entry& entry : benchmark::part_of(names, shard)) {
    auto& task = tasks[entry.task];
    if (!task) task = std::make_shared<benchmark::Work>(benchmark::task_work(scoring, entry.task));
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const auto& other) { return other.first == entry; });
    parts.push_back(benchmark::entry_work(scoring, entry, found->second, task));
  }
  return parts;
}

void open_output(const benchmark::Scoring& scoring) {
  std::error_code problem;
  fs::create_directories(scoring.out, problem);
  if (problem) io::fail_to_write(scoring.out, problem.value());
  benchmark::save_protocol(scoring.out, scoring.protocol);
  if (!scoring.python.empty()) io::write_text(scoring.out + "/c2st_forest.py", benchmark::forest_script());
}

// Options of what these options do not ask for.
void warn_of_idle(const BenchmarkArguments& arguments, const CLI::App& command) {
  if (arguments.published) {
    warn_idle(command, {"--table-only", "--list", "--dry-run", "--format", "--each", "--tasks", "--jobs"},
              "is not for --published, which prints the published scores and does nothing else");
    return;
  }
  if (arguments.table_only) {
    warn_idle(command,
              {"--config", "--set", "--observations", "--fresh", "--draws", "--pairs", "--forest", "--shard",
               "--jobs", "--list", "--dry-run"},
              "says what is trained and scored, and --table-only prints what is there");
  } else if (arguments.list || arguments.dry_run) {
    warn_idle(command, {"--format", "--each"},
              std::string("is for the table, which --") + (arguments.list ? "list" : "dry-run") +
                  " does not print");
    if (arguments.dry_run) return;
    warn_idle(command, {"--jobs"}, "says how entries are worked on, and --list works on none");
  }
}

int benchmark_command(const BenchmarkArguments& arguments, const CLI::App& command) {
  warn_of_idle(arguments, command);
  if (arguments.published) {
    std::cout << benchmark::published_file();
    return 0;
  }
  if (arguments.out.empty())
    throw core::UserError("OUT is missing: the folder that holds, or is to hold, the benchmark's runs");
  if (arguments.table_only) return show_table(arguments);
  if (arguments.shard != "auto")
    distributed::refuse_ranks("benchmark", "give --shard auto, which divides its trainings among them");
  benchmark::Scoring scoring = scoring_of(arguments);
  const auto entries = configured_entries(arguments, scoring);
  const int threads = std::max(1, core::usable_threads() / static_cast<int>(arguments.jobs));
  scoring.threads = threads;
  scoring.python = forest_python(arguments);
  const auto parts = parts_of(scoring, entries, arguments.shard);
  if (arguments.list || arguments.dry_run) {
    print_plan(parts, arguments.dry_run);
    return 0;
  }
  open_output(scoring);
  require_space(scoring, entries);
  core::log::info(core::count_text(std::ssize(parts), "training") + " in " + arguments.out + ", by " +
                  core::count_text(threads, "thread") + " each");
  benchmark::WorkOptions options;
  options.jobs = arguments.jobs;
  options.threads = arguments.jobs > 1 ? threads : 0;
  options.stop = core::stop_requested;
  core::set_last_words("the same command goes on");
  const benchmark::WorkResult result = benchmark::work_through(parts, options);
  if (core::stop_requested() != 0)
    throw core::Stopped("stopped by " + std::string(core::signal_name(core::stop_requested())) + "; " +
                        std::to_string(result.done) + " of " + std::to_string(parts.size()) +
                        " are done, and the same command goes on");
  std::vector<benchmark::Entry> shown;
  for (const auto& [entry, config] : entries) {
    if (fs::exists(entry.notes(arguments.out) + "/entry.json")) shown.push_back(entry);
  }
  print_table(arguments, shown);
  if (result.elsewhere > 0)
    core::log::info(core::count_text(result.elsewhere, "entry") +
                    " are made by other processes; the same command with --table-only shows them later");
  return static_cast<int>(result.failed > 0 ? core::ExitCode::user_error : core::ExitCode::good);
}

void add_selection(CLI::App& app, BenchmarkArguments& arguments) {
  const auto list = [](CLI::Option* option) { option->delimiter(',')->allow_extra_args(false); };
  list(app.add_option("--tasks", arguments.tasks, "built-in tasks; all: the benchmark's ten (default: all)"));
  list(app.add_option("--models", arguments.models,
                      "flux1, flux1joint, simformer, or auto: what `recommend` chooses (default: auto)"));
  std::string names;
  for (const auto& row : benchmark::methods()) names += (names.empty() ? "" : ", ") + std::string(row.name);
  list(app.add_option("--methods", arguments.methods, names + " (default: flow, or the method of --config)"));
  list(app.add_option("--budgets", arguments.budgets, "numbers of simulations (default: 10000)"));
  list(app.add_option("--seeds", arguments.seeds, "seeds of simulations, weights and noise (default: 1)"));
  app.add_option("--config", arguments.config,
                 "config for all entries (default: for each what `recommend` writes)");
  app.add_option("--set", arguments.settings,
                 "section.key=value, which overrides the config; may be repeated")
      ->allow_extra_args(true);
  app.add_option("--name", arguments.label,
                 "label of this variant, at the end of the names of its run folders");
}

void add_scoring(CLI::App& app, BenchmarkArguments& arguments) {
  app.add_option("--reference", arguments.reference,
                 "folder with TASK/num_observation_K/{observation.csv,reference_posterior_samples.npy}")
      ->envname("FLUXSBI_SBIBM");
  app.add_option("--observations", arguments.observations,
                 "how many of its observations are scored (default: 10)")
      ->check(CLI::Range(0, 1000));
  app.add_option(
         "--fresh", arguments.fresh,
         "observations drawn from the prior predictive, scored against exact posterior draws where the task "
         "can make them (default: 10 without --reference, else 0)")
      ->check(CLI::Range(0, 1000));
  app.add_option("-n,--draws", arguments.draws, "posterior draws for each observation")
      ->check(CLI::Range(10, 1000000))
      ->capture_default_str();
  app.add_option("--pairs", arguments.pairs, "fresh pairs for log-density and calibration")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  app.add_option("--forest", arguments.forest,
                 "C2ST by scikit-learn's random forest, too: auto (where it is found), on, off")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  app.add_option("--python", arguments.python, "interpreter that has scikit-learn")
      ->envname("FLUXSBI_PYTHON")
      ->capture_default_str();
}

}  // namespace

Action declare_benchmark(CLI::App& app) {
  auto arguments = std::make_shared<BenchmarkArguments>();
  app.add_option("output", arguments->out, "folder of the benchmark: OUT/TASK/MODEL_METHOD_BUDGET_seedN");
  add_selection(app, *arguments);
  add_scoring(app, *arguments);
  app.add_option("--shard", arguments->shard,
                 "i/n: only every n-th entry, from the i-th on, counted from 0; auto: as the launcher says "
                 "(srun, mpirun, torchrun or a SLURM array)")
      ->capture_default_str();
  app.add_option("--jobs", arguments->jobs, "entries that are worked on at a time; they share the threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_flag("--list", arguments->list, "print the entries and how far they are, and do nothing");
  app.add_flag("--dry-run", arguments->dry_run, "print the commands that are left, and do nothing");
  app.add_flag("--table-only", arguments->table_only, "print the table of what is there, and do nothing");
  app.add_flag("--published", arguments->published, "print the published scores with their sources, as CSV");
  app.add_option("--format", arguments->format, "of the table: " + core::join(benchmark::table_formats()))
      ->check(CLI::IsMember(benchmark::table_formats()))
      ->capture_default_str();
  app.add_flag("--each", arguments->each, "add a table of the scores at each observation");
  return [arguments, &app] { return benchmark_command(*arguments, app); };
}

}  // namespace fluxsbi::app
