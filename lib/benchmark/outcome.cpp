#include "benchmark/outcome.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "diagnose/finding_json.hpp"
#include "io/files.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::benchmark {

namespace {

namespace fs = std::filesystem;
using OutcomeJson = nlohmann::json;

constexpr double missing_number = std::numeric_limits<double>::quiet_NaN();

OutcomeJson json_of_file(const std::string& path) {
  OutcomeJson json = OutcomeJson::parse(io::read_text(path), nullptr, false);
  if (!json.is_object())
    throw core::UserError(path + ": is damaged; remove the file, and give the benchmark's command again");
  return json;
}

// The lines of a .jsonl that are whole.
std::vector<OutcomeJson> lines_of_file(const std::string& path) {
  std::vector<OutcomeJson> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    OutcomeJson json = OutcomeJson::parse(line, nullptr, false);
    if (json.is_object()) lines.push_back(std::move(json));
  }
  return lines;
}

void read_training(const std::string& run, const std::string& notes, Outcome& outcome) {
  const auto metrics = lines_of_file(run + "/metrics.jsonl");
  if (!metrics.empty()) {
    outcome.minutes = metrics.back().value("time", missing_number) / 60;
    outcome.steps = metrics.back().value("step", int64_t{-1});
  }
  int64_t fewest = std::numeric_limits<int64_t>::max(), most = 0;
  for (const OutcomeJson& line : lines_of_file(notes + "/steps.jsonl")) {
    if (line.value("step", "") != "train") continue;
    fewest = std::min(fewest, line.value("threads", int64_t{1}));
    most = std::max(most, line.value("threads", int64_t{1}));
  }
  if (most > 0) outcome.threads = (fewest < most ? std::to_string(fewest) + "-" : "") + std::to_string(most);
  const std::string model = run + "/model.safetensors";
  if (!fs::exists(model)) return;
  const checkpoint::ModelFile file = checkpoint::load_model(model);
  outcome.parameters = 0;
  const auto count = [&](const checkpoint::ModelFile& one) {
    for (const auto& [name, array] : one.weights) outcome.parameters += array.elements();
  };
  count(file);  // of an ensemble none; its members have them
  for (const checkpoint::ModelFile& member : file.members) count(member);
}

void read_scores(const std::string& notes, const Protocol& protocol, Outcome& outcome) {
  for (const auto& [set, count] :
       {std::pair{"benchmark", protocol.observations}, {"fresh", protocol.fresh}}) {
    const std::string stem = notes + "/" + set + "_";
    for (const char* classifier : {"mlp", "forest"}) {
      std::vector<double> scores;
      for (int64_t k = 1; k <= count; ++k) {
        const std::string file = stem + classifier + "_" + std::to_string(k) + ".json";
        scores.push_back(fs::exists(file) ? json_of_file(file).value("c2st", missing_number)
                                          : missing_number);
      }
      const bool any =
          std::any_of(scores.begin(), scores.end(), [](double score) { return !std::isnan(score); });
      if (any) outcome.scores[std::string(set) + "_" + classifier] = std::move(scores);
    }
    if (fs::exists(stem + "samples.json"))
      outcome.evaluations = std::max(outcome.evaluations,
                                     json_of_file(stem + "samples.json").value("evaluations", int64_t{-1}));
  }
}

void read_density(const std::string& file, Outcome& outcome) {
  outcome.log_density = outcome.log_density_error = missing_number;
  if (!fs::exists(file)) return;
  std::vector<double> values = io::load_arrays(file, {"log_prob"}).arrays.at("log_prob").to_double();
  const auto finite =
      std::partition(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  outcome.without_density = values.end() - finite;
  values.erase(finite, values.end());
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  outcome.log_density = sum / count;
  for (const double value : values) squares += (value - outcome.log_density) * (value - outcome.log_density);
  outcome.log_density_error = std::sqrt(squares / (count - 1) / count);
}

// The verdict of one test over all variables.
std::string verdict_of(const std::vector<diagnose::Finding>& findings, const std::string& test) {
  using diagnose::Verdict;
  std::string verdict;
  for (const diagnose::Finding& finding : findings) {
    if (finding.test != test) continue;
    if (finding.verdict == Verdict::fail || finding.verdict == Verdict::not_enough)
      return std::string(diagnose::text_of(finding.verdict));
    if (finding.verdict == Verdict::pass) verdict = diagnose::text_of(finding.verdict);
  }
  return verdict;
}

void read_calibration(const std::string& file, Outcome& outcome) {
  outcome.width = outcome.width_error = missing_number;
  if (!fs::exists(file)) return;
  const auto findings = diagnose::findings_from_json(io::read_text(file), file);
  outcome.sbc = verdict_of(findings, "sbc");
  outcome.tarp = verdict_of(findings, "tarp");
  for (const diagnose::Finding& finding : findings) {
    if (finding.test != "tarp" || finding.verdict != diagnose::Verdict::measured) continue;
    outcome.width = finding.value;
    outcome.width_error = finding.standard_error.value_or(missing_number);
  }
}

// Every set of observations that was sampled has all its scores. Forests may be left out.
bool is_scored(const std::string& notes, const Outcome& outcome) {
  bool any = false;
  for (const char* set : {"benchmark", "fresh"}) {
    if (!fs::exists(notes + "/" + set + "_samples.json")) continue;
    any = true;
    if (std::isnan(outcome.score(std::string(set) + "_mlp"))) return false;
  }
  return any && std::all_of(outcome.scores.begin(), outcome.scores.end(),
                            [&](const auto& scores) { return !std::isnan(outcome.score(scores.first)); });
}

std::string state_of(const std::string& notes, const Outcome& outcome) {
  if (fs::exists(notes + "/failure.txt")) {
    std::string failure = io::read_text(notes + "/failure.txt");
    return "FAILED: " + failure.substr(0, failure.find('\n'));
  }
  if (outcome.parameters < 0)
    return outcome.steps < 0 ? "not begun" : "training, step " + std::to_string(outcome.steps);
  return is_scored(notes, outcome) && !outcome.sbc.empty() ? "" : "scoring";
}

}  // namespace

double Outcome::score(const std::string& name) const {
  const auto found = scores.find(name);
  if (found == scores.end()) return missing_number;
  double sum = 0;
  for (const double score : found->second) sum += score;
  return sum / static_cast<double>(found->second.size());
}

Outcome read_outcome(const std::string& out, const Entry& entry, const Protocol& protocol) {
  Outcome outcome;
  outcome.entry = entry;
  outcome.minutes = missing_number;
  const std::string notes = entry.notes(out);
  read_training(entry.folder(out), notes, outcome);
  read_scores(notes, protocol, outcome);
  read_density(notes + "/log_prob.npz", outcome);
  read_calibration(notes + "/calibration.json", outcome);
  outcome.state = state_of(notes, outcome);
  return outcome;
}

}  // namespace fluxsbi::benchmark
