#include "benchmark/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"
#include "diagnose/finding_json.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;

constexpr double no_score = std::numeric_limits<double>::quiet_NaN();

std::string notes_of_trial(const Tuning& tuning, size_t trial) {
  return trial_folder(tuning, trial) + "/tune";
}

std::string rung_file(const Tuning& tuning, size_t trial, size_t rung, const char* ending) {
  return notes_of_trial(tuning, trial) + "/rung_" + std::to_string(rung + 1) + ending;
}

// The learning rate follows the schedule of the whole training, of which a rung is the beginning.
Step training_step_of(const Tuning& tuning, size_t trial, size_t rung) {
  const std::string run = trial_folder(tuning, trial), steps = std::to_string(tuning.rungs[rung].steps);
  const std::vector<std::string> resume{tuning.program, "resume", run, "--steps", steps};
  Step step{"train to step " + steps, resume, rung_file(tuning, trial, rung, "_trained"), true};
  if (rung > 0) return step;
  step.begun = run + "/config.yaml";
  step.go_on = resume;
  step.command = {tuning.program, "train"};
  step.command.insert(step.command.end(), tuning.train.begin(), tuning.train.end());
  const auto set = [&](const std::string& setting) {
    step.command.insert(step.command.end(), {"--set", setting});
  };
  for (const std::string& setting : tuning.trials[trial]) set(setting);
  set("optimizer.schedule_steps=" + std::to_string(tuning.rungs.back().steps));
  set("training.nsteps=" + steps);
  step.command.insert(step.command.end(), {"-o", run, "--force"});
  return step;
}

// Of the checkpoint at the end of a rung, or of an early stop before it.
TrialScore best_loss(const std::string& metrics, int64_t steps) {
  TrialScore score{no_score, no_score};
  std::ifstream file(metrics);
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || json.value("step", int64_t{0}) > steps || !json.contains("best_val_loss"))
      continue;
    score.value = -json["best_val_loss"].get<double>();
  }
  return score;
}

TrialScore density_of(const std::string& file) {
  if (!fs::exists(file)) return {no_score, no_score};
  for (const diagnose::Finding& finding : diagnose::findings_from_json(io::read_text(file), file)) {
    if (finding.test == "sharpness" && finding.variable.empty())
      return {finding.value, finding.standard_error.value_or(no_score)};
  }
  return {no_score, no_score};
}

size_t last_rung(const Tuning& tuning, size_t trial) {
  size_t last = 0;
  for (size_t rung = 0; rung < tuning.rungs.size(); ++rung) {
    if (fs::exists(rung_file(tuning, trial, rung, "_trained"))) last = rung;
  }
  return last;
}

// By the rung that a trial has reached, then by its score there.
std::vector<size_t> ranked(const Tuning& tuning) {
  std::vector<size_t> trials(tuning.trials.size());
  std::iota(trials.begin(), trials.end(), size_t{0});
  std::vector<std::pair<size_t, double>> keys;
  for (const size_t trial : trials) {
    const size_t rung = last_rung(tuning, trial);
    const double value = trial_score(tuning, trial, rung).value;
    keys.emplace_back(rung, std::isnan(value) ? -INFINITY : value);
  }
  std::stable_sort(trials.begin(), trials.end(), [&](size_t a, size_t b) { return keys[a] > keys[b]; });
  return trials;
}

std::string score_words(const TrialScore& score) {
  if (std::isnan(score.value)) return "";
  return core::decimals_text(score.value, 3) +
         (std::isnan(score.standard_error) ? "" : " +- " + core::decimals_text(score.standard_error, 3));
}

std::string name_of_trial(size_t trial) {
  const std::string number = std::to_string(trial + 1);
  return "trial_" + std::string(number.size() < 2 ? "0" : "") + number;
}

}  // namespace

std::string trial_folder(const Tuning& tuning, size_t trial) {
  return tuning.out + "/" + name_of_trial(trial);
}

Work trial_work(const Tuning& tuning, size_t trial, size_t rung) {
  Work work{
      name_of_trial(trial), notes_of_trial(tuning, trial), {}, {training_step_of(tuning, trial, rung)}, {}};
  if (tuning.criterion == Criterion::log_density)
    work.steps.push_back(
        {"log-density of validation rows",
         {tuning.program, "diagnose", trial_folder(tuning, trial), "sharpness", "hpd", "--pairs",
          std::to_string(tuning.pairs), "-n", "19", "--density-draws", "1", "--json"},
         rung_file(tuning, trial, rung, ".json"),
         true,
         {0, 2}});
  return work;
}

TrialScore trial_score(const Tuning& tuning, size_t trial, size_t rung) {
  if (tuning.criterion == Criterion::log_density) return density_of(rung_file(tuning, trial, rung, ".json"));
  return best_loss(trial_folder(tuning, trial) + "/metrics.jsonl", tuning.rungs[rung].steps);
}

std::vector<size_t> tune(const Tuning& tuning, WorkOptions options, const sample::Shard& shard) {
  options.patience = std::numeric_limits<double>::infinity();
  std::vector<size_t> trials(tuning.trials.size());
  std::iota(trials.begin(), trials.end(), size_t{0});
  for (size_t rung = 0; rung < tuning.rungs.size(); ++rung) {
    core::log::info("rung " + std::to_string(rung + 1) + " of " + std::to_string(tuning.rungs.size()) + ": " +
                    core::count_text(std::ssize(trials), "trial") + ", " +
                    core::count_text(tuning.rungs[rung].steps, "step") + " each");
    std::vector<Work> parts;
    for (const size_t trial : trials) parts.push_back(trial_work(tuning, trial, rung));
    const auto first = sample::rows_of_shard(shard, std::ssize(parts)).first % std::ssize(parts);
    std::rotate(parts.begin(), parts.begin() + first, parts.end());
    const WorkResult result = work_through(parts, options);
    if (result.stopped > 0) throw core::Stopped("stopped; the same command goes on");
    std::vector<double> scores;
    for (const size_t trial : trials) scores.push_back(trial_score(tuning, trial, rung).value);
    if (std::all_of(scores.begin(), scores.end(), [](double score) { return std::isnan(score); }))
      throw core::UserError("no trial of rung " + std::to_string(rung + 1) +
                            " has a score; the messages above say why");
    const bool last = rung + 1 == tuning.rungs.size();
    const auto kept = static_cast<size_t>(last ? std::ssize(trials) : tuning.rungs[rung + 1].trials);
    std::vector<size_t> best;
    for (const size_t place : best_of(scores, kept)) best.push_back(trials[place]);
    trials = std::move(best);
  }
  return trials;
}

std::string tuning_table(const Tuning& tuning) {
  std::vector<std::vector<std::string>> rows{{"trial"}};
  for (const std::string& setting : tuning.trials.front())
    rows[0].push_back(setting.substr(0, setting.find('=')));
  for (const Rung& rung : tuning.rungs) rows[0].push_back("step " + std::to_string(rung.steps));
  for (const size_t trial : ranked(tuning)) {
    std::vector<std::string> row{name_of_trial(trial)};
    for (const std::string& setting : tuning.trials[trial])
      row.push_back(setting.substr(setting.find('=') + 1));
    for (size_t rung = 0; rung < tuning.rungs.size(); ++rung)
      row.push_back(rung > last_rung(tuning, trial) ? "" : score_words(trial_score(tuning, trial, rung)));
    rows.push_back(std::move(row));
  }
  return core::aligned_table(rows);
}

std::string tuning_json(const Tuning& tuning) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const size_t trial : ranked(tuning)) {
    nlohmann::ordered_json scores = nlohmann::ordered_json::array();
    for (size_t rung = 0; rung <= last_rung(tuning, trial); ++rung) {
      const TrialScore score = trial_score(tuning, trial, rung);
      const auto number = [](double value) {
        return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
      };
      scores.push_back({{"steps", tuning.rungs[rung].steps},
                        {"score", number(score.value)},
                        {"standard_error", number(score.standard_error)}});
    }
    json.push_back({{"trial", name_of_trial(trial)},
                    {"run", trial_folder(tuning, trial)},
                    {"settings", tuning.trials[trial]},
                    {"scores", std::move(scores)}});
  }
  return json.dump(1) + "\n";
}

}  // namespace fluxsbi::benchmark
