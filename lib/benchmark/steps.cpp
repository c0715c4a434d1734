#include "benchmark/steps.hpp"

#include <filesystem>
#include <utility>

#include <nlohmann/json.hpp>

#include "benchmark/flat_config.hpp"
#include "benchmark/plan.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "data/tasks/task.hpp"
#include "io/atomic_file.hpp"
#include "io/files.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

constexpr const char* sampling_seed = "9";
// The rule of docs/densities.md, whose error is far below the standard error over some hundred pairs.
constexpr const char *density_solver = "rk4", *density_steps = "16";
constexpr const char* calibration_draws = "199";

std::string scoring_folder(const Scoring& scoring, const std::string& task) {
  return (fs::path(scoring.out) / task / "scoring").string();
}

FlatConfig flat_entry(const EntryConfig& config, const std::string& name) {
  config::Value document = config::parse_yaml(config.text, name);
  for (const std::string& setting : config.settings) config::set_from_command_line(document, setting);
  return flat_config(document);
}

void save_config(const std::string& notes, const EntryConfig& config) {
  if (fs::exists(notes + "/settings.json")) return;
  io::write_text(notes + "/config.yaml", config.text);
  io::write_text(notes + "/settings.json", nlohmann::json(config.settings).dump(1) + "\n");
}

// x of the reference folder as one file; it has to stay what it is while entries are scored by it.
void save_observations(const std::string& file, const std::vector<double>& x, int64_t rows) {
  if (fs::exists(file)) {
    if (io::load_arrays(file).arrays.begin()->second.to_double() == x) return;
    throw core::UserError(
        file +
        " holds other observations than the folder of --reference; give the folder that this "
        "benchmark began with, or take another output folder");
  }
  io::save_arrays(file,
                  {{"array", io::Array::from(std::span<const double>(x), {rows, std::ssize(x) / rows})}});
}

Step sampling_step(const Scoring& scoring, const std::string& run, const std::string& notes,
                   const ObservationSet& set) {
  const std::string stem = notes + "/" + set.name + "_samples";
  return {"sample the " + set.name + " observations",
          {scoring.program, "sample", run, "--x", set.x, "-n", std::to_string(scoring.protocol.draws),
           "--seed", sampling_seed, "-o", stem + ".npz", "--force", "--json"},
          stem + ".json",
          true};
}

// Both classifiers at each observation.
void add_scores(const Scoring& scoring, const std::string& notes, const ObservationSet& set,
                std::vector<Step>& steps) {
  const std::string stem = notes + "/" + set.name, samples = stem + "_samples.npz";
  for (size_t k = 0; k < set.posteriors.size(); ++k) {
    const std::string row = std::to_string(k), number = std::to_string(k + 1);
    const std::string of = " of " + set.name + " observation " + number;
    steps.push_back({"C2ST by MLP" + of,
                     {scoring.program, "c2st", set.posteriors[k], samples, "--row", row, "--json"},
                     stem + "_mlp_" + number + ".json",
                     true});
    steps.back().brief = true;
    if (scoring.python.empty()) continue;
    steps.push_back({"C2ST by random forest" + of,
                     {scoring.python, scoring.out + "/c2st_forest.py", set.posteriors[k], samples, "--row",
                      row, "--threads", std::to_string(scoring.threads)},
                     stem + "_forest_" + number + ".json",
                     true});
    steps.back().brief = true;
  }
}

Step training_step(const Scoring& scoring, const Entry& entry, const EntryConfig& config) {
  const std::string run = entry.folder(scoring.out);
  std::vector<std::string> train{scoring.program,
                                 "train",
                                 entry.notes(scoring.out) + "/config.yaml",
                                 "--task",
                                 entry.task,
                                 "--seed",
                                 std::to_string(entry.seed)};
  for (const std::string& setting : config.settings) train.insert(train.end(), {"--set", setting});
  train.insert(train.end(), {"-o", run, "--force"});
  return {"train",
          train,
          run + "/model.safetensors",
          false,
          {0},
          run + "/config.yaml",
          {scoring.program, "resume", run}};
}

}  // namespace

std::vector<ObservationSet> observation_sets(const Scoring& scoring, const std::string& name) {
  const auto task = data::make_task(name);
  const std::string folder = scoring_folder(scoring, name);
  std::vector<ObservationSet> sets;
  const Protocol& protocol = scoring.protocol;
  if (protocol.observations > 0 && scoring.reference && scoring.reference->has(name)) {
    scoring.reference->observations(name, protocol.observations, task->x_dim());  // complete?
    ObservationSet set{"benchmark", folder + "/benchmark_x.npy", {}};
    for (int64_t k = 1; k <= protocol.observations; ++k)
      set.posteriors.push_back(scoring.reference->posterior(name, k, task->theta_dim()));
    sets.push_back(std::move(set));
  }
  if (protocol.fresh > 0 && task->has_exact_posterior()) {
    const std::string exact = folder + "/fresh_posterior.npz";
    sets.push_back(
        {"fresh", folder + "/fresh_x.npz", std::vector(static_cast<size_t>(protocol.fresh), exact)});
  }
  return sets;
}

Work task_work(const Scoring& scoring, const std::string& task) {
  Work work{task, scoring_folder(scoring, task), {}, {}, {}};
  const auto simulate = [&](const std::string& what, int64_t count, uint64_t seed, const std::string& file) {
    work.steps.push_back({what,
                          {scoring.program, "simulate", task, "-n", std::to_string(count), "--seed",
                           std::to_string(seed), "-o", file},
                          file});
  };
  for (const ObservationSet& set : observation_sets(scoring, task)) {
    if (set.name == "fresh") {
      simulate("draw fresh observations", scoring.protocol.fresh, fresh_seed, set.x);
      work.steps.push_back({"draw from their exact posteriors",
                            {scoring.program, "simulate", task, "--posterior", set.x, "-n",
                             std::to_string(scoring.protocol.draws), "--seed", std::to_string(exact_seed),
                             "-o", set.posteriors.front()},
                            set.posteriors.front()});
    } else {
      const auto size = data::make_task(task)->x_dim();
      const auto x = scoring.reference->observations(task, scoring.protocol.observations, size);
      work.prepare = [x, file = set.x, rows = scoring.protocol.observations] {
        save_observations(file, x, rows);
      };
    }
  }
  simulate("draw held-out pairs", scoring.protocol.pairs, held_out_seed,
           scoring_folder(scoring, task) + "/held_out.npz");
  return work;
}

void require_same_config(const std::string& out, const Entry& entry, const EntryConfig& config) {
  const std::string notes = entry.notes(out);
  if (!fs::exists(notes + "/settings.json")) {
    if (!fs::exists(entry.folder(out) + "/config.yaml")) return;
    throw core::UserError(
        entry.folder(out) +
        " holds a run that the benchmark did not make; move it away, or take another output folder");
  }
  const auto settings = nlohmann::json::parse(io::read_text(notes + "/settings.json"), nullptr, false);
  if (!settings.is_array())
    throw core::UserError(notes + "/settings.json is damaged; remove " + entry.folder(out));
  const EntryConfig there{io::read_text(notes + "/config.yaml"), settings.get<std::vector<std::string>>()};
  const std::string difference =
      first_difference(flat_entry(there, notes + "/config.yaml"), flat_entry(config, "the config"));
  if (!difference.empty())
    throw core::UserError(
        entry.folder(out) + " was begun with another config: " + difference +
        "; give it as it was, call the other one a variant with --name LABEL, or take another "
        "output folder");
}

Work entry_work(const Scoring& scoring, const Entry& entry, const EntryConfig& config,
                std::shared_ptr<const Work> task) {
  const std::string run = entry.folder(scoring.out), notes = entry.notes(scoring.out);
  Work work{entry.title(), notes, {}, {training_step(scoring, entry, config)}, {std::move(task)}};
  const std::string held_out = scoring_folder(scoring, entry.task) + "/held_out.npz";
  work.steps.push_back({"log-density of held-out pairs",
                        {scoring.program, "log-prob", run, "--theta", held_out, "--x", held_out, "--solver",
                         density_solver, "--steps", density_steps, "-o", notes + "/log_prob.npz"},
                        notes + "/log_prob.npz"});
  work.steps.push_back({"calibration on held-out pairs",
                        {scoring.program, "diagnose", run, "sbc", "tarp", "--data", held_out, "--pairs",
                         std::to_string(scoring.protocol.pairs), "-n", calibration_draws, "--json"},
                        notes + "/calibration.json",
                        true,
                        {0, 2}});
  const auto sets = observation_sets(scoring, entry.task);
  for (const ObservationSet& set : sets) work.steps.push_back(sampling_step(scoring, run, notes, set));
  for (const ObservationSet& set : sets) add_scores(scoring, notes, set, work.steps);
  work.prepare = [out = scoring.out, entry, config] {
    require_same_config(out, entry, config);
    save_config(entry.notes(out), config);
    save_entry(out, entry);
  };
  return work;
}

}  // namespace fluxsbi::benchmark
