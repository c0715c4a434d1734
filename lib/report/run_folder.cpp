#include "report/run_folder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "checkpoint/identity.hpp"
#include "checkpoint/model_file.hpp"
#include "config/reader.hpp"
#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/data_section.hpp"
#include "data/files/names.hpp"
#include "diagnose/finding_json.hpp"
#include "io/lock.hpp"
#include "io/text_file.hpp"

namespace fluxsbi::report {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::string program_text() {
  return std::string("fluxsbi ") + core::version + " (commit " + std::string(core::source_commit()) + ", " +
         core::compiler + ")";
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc);
  return text;
}

std::string name_of_run(const fs::path& run) {
  const fs::path whole = fs::absolute(run).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

// A member of an object that other versions may not write.
template <class Value>
Value member(const json& object, const char* key, Value otherwise) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? otherwise : found->get<Value>();
}

data::ColumnFacts column_of(const json& object) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  data::ColumnFacts facts;
  facts.name = object.at("name").get<std::string>();
  facts.count = object.at("count").get<int64_t>();
  facts.missing = object.at("missing").get<int64_t>();
  facts.smallest = member(object, "smallest", unknown);
  facts.largest = member(object, "largest", unknown);
  facts.median = member(object, "median", unknown);
  facts.mean = member(object, "mean", unknown);
  facts.deviation = member(object, "deviation", unknown);
  if (const auto histogram = object.find("histogram"); histogram != object.end())
    facts.histogram = {member(*histogram, "low", 0.0), member(*histogram, "high", 0.0),
                       histogram->at("counts").get<std::vector<int64_t>>()};
  return facts;
}

data::Severity severity_of(const std::string& name) {
  for (const auto severity : {data::Severity::note, data::Severity::warning, data::Severity::error})
    if (data::name_of(severity) == name) return severity;
  throw core::UserError("has a finding of severity " + core::quoted(name));
}

DataContent data_of(const json& look) {
  DataContent content;
  content.rows = look.at("rows").get<int64_t>();
  content.looked_at = look.at("looked_at").get<int64_t>();
  content.failed = look.at("failed").get<int64_t>();
  for (const json& column : look.at("theta")) content.theta.columns.push_back(column_of(column));
  for (const json& column : look.at("x")) content.x.columns.push_back(column_of(column));
  for (const json& finding : look.at("findings"))
    content.findings.push_back({severity_of(finding.at("severity").get<std::string>()),
                                "",
                                {},
                                0,
                                finding.at("text").get<std::string>(),
                                member(finding, "remedy", std::string()),
                                ""});
  return content;
}

std::vector<std::string> transforms_of(const data::Standardiser& standardiser) {
  std::vector<std::string> words;
  for (size_t i = 0; i < standardiser.mean.size(); ++i) {
    const data::TransformKind kind =
        standardiser.transforms.empty() ? data::TransformKind::none : standardiser.transforms[i].kind;
    words.emplace_back(enum_names(kind)[static_cast<size_t>(kind)]);
  }
  return words;
}

Part<DataContent> read_data(const fs::path& run) {
  const fs::path path = run / "data.json";
  if (!is_file(path))
    return {
        {},
        "Made without a look at the data: the run folder holds no data.json, which trainings write. fluxsbi "
        "check --json makes one where the data are at hand."};
  try {
    return {data_of(json::parse(io::read_text(path))), ""};
  } catch (const std::exception& problem) {
    return {
        {},
        "Made without a look at the data: data.json cannot be read (" + std::string(problem.what()) + ")."};
  }
}

Part<TrainingCurves> read_curves(const fs::path& run) {
  if (!is_file(run / "metrics.jsonl"))
    return {
        {},
        fs::is_directory(run / "members")
            ? "Made without training curves: the run is an ensemble, and each member has its own, as in " +
                  (run / "members" / "1").string() + "."
            : "Made without training curves: the run folder holds no metrics.jsonl."};
  try {
    return {read_metrics((run / "metrics.jsonl").string()), ""};
  } catch (const core::UserError& problem) {
    return {{}, "Made without training curves: " + std::string(problem.what()) + "."};
  }
}

// What the training said about the model's card stands in its log.
Part<std::vector<std::string>> read_card_rules(const fs::path& run) {
  constexpr std::string_view mark = "the model card";
  if (!is_file(run / "train.log"))
    return {{}, "Made without the rules of the model card: the run folder holds no train.log."};
  std::vector<std::string> rules;
  std::ifstream log(run / "train.log");
  for (std::string line; std::getline(log, line);) {
    if (line.find(mark) == std::string::npos || !line.ends_with("]")) continue;
    constexpr size_t stamp = 20;  // "2026-11-28 23:05:46 "
    std::string rule = line.substr(std::min(stamp, line.size()));
    if (std::find(rules.begin(), rules.end(), rule) == rules.end()) rules.push_back(std::move(rule));
  }
  return {std::move(rules), ""};
}

bool has_model(const fs::path& run) {
  return is_file(run / "model.safetensors") || is_file(run / "checkpoints" / "best.safetensors");
}

Part<std::vector<diagnose::Finding>> read_findings(const fs::path& run, ReportContent& content) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run / "diagnostics", ignored))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty() && !has_model(run))
    return {{}, "Made without tests: they need a model, which the run will hold when it has trained."};
  if (files.empty())
    return {{},
            "Made without tests: fluxsbi diagnose " + shell_word(run.string()) +
                " runs them and keeps what they find in the run folder; then make the report again."};
  std::vector<diagnose::Finding> findings;
  bool older = false;
  const fs::path model = run / "model.safetensors";
  for (const fs::path& file : files) {
    for (diagnose::Finding& finding : diagnose::findings_from_json(io::read_text(file), file.string()))
      findings.push_back(std::move(finding));
    older |= is_file(model) && fs::last_write_time(file) < fs::last_write_time(model);
  }
  if (older)
    content.notices.push_back(
        "The tests are older than the model: they may judge another one. Run fluxsbi diagnose " +
        shell_word(run.string()) + " again.");
  return {std::move(findings), ""};
}

// The model's names and transforms, its versions; notices for a run that has not finished.
void read_model(const std::string& run, ReportContent& content) {
  const bool finished = is_file(fs::path(run) / "model.safetensors");
  const bool running = io::is_locked(run);
  const std::string resume =
      running ? " It is training now."
              : " It was stopped; fluxsbi resume " + shell_word(run) + " continues the training.";
  if (!has_model(run)) {
    const bool ensemble = fs::is_directory(fs::path(run) / "members");
    content.notices.push_back(
        (ensemble ? "This ensemble has no model yet, since its members have not all finished."
                  : "This run has not finished and has no checkpoint yet.") +
        resume);
    return;
  }
  std::string note;
  const checkpoint::ModelFile model = checkpoint::load_model(checkpoint::find_model(run, note));
  if (!finished)
    content.notices.push_back(
        "This run has not finished. The report is about its best weights so far, of step " +
        std::to_string(model.step) + "." + resume);
  content.model = checkpoint::identity(model);
  content.parameters = data::feature_names(model.theta_names, model.shape.theta_channels);
  content.versions.emplace_back("model",
                                "written by fluxsbi " + model.version + ", identity " + content.model);
  if (!model.members.empty())
    content.versions.emplace_back(
        "ensemble", std::to_string(model.members.size()) + " members, which answer as the equal mixture");
  if (model.teacher) {
    content.versions.emplace_back("student",
                                  "draws with a few evaluations of the network what its teacher (step " +
                                      std::to_string(model.teacher->step) + ", validation loss " +
                                      core::brief_text(model.teacher->validation_loss) +
                                      ") draws with many; densities are the teacher's");
  }
  content.versions.emplace_back("weights",
                                std::string(model.members.empty() ? "of step " : "in the mean of step ") +
                                    std::to_string(model.step) + ", validation loss " +
                                    core::brief_text(model.validation_loss));
  for (const auto& [name, value] : model.remarks) {
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    content.versions.emplace_back(words, value);
  }
  if (!content.data.content) return;
  DataContent& data = *content.data.content;
  if (const auto source = model.remarks.find("source"); source != model.remarks.end())
    data.source = source->second;
  if (model.theta.mean.size() == data.theta.columns.size())
    data.theta.transforms = transforms_of(model.theta);
  if (model.x.mean.size() == data.x.columns.size()) data.x.transforms = transforms_of(model.x);
}

// A notice where the training data are not there any more: the page holds what the training noted of them.
void look_for_data(const fs::path& run, ReportContent& content) {
  data::DataOptions options;
  try {
    const config::Value document = config::load_yaml((run / "config.yaml").string());
    config::Reader reader(document);
    data::read_data_section(reader, options);
    reader.finish_part();
  } catch (const core::UserError& problem) {
    content.notices.push_back("The config cannot be read: " + std::string(problem.what()) + ".");
    return;
  }
  if (const auto gone = data::missing_file(options))
    content.notices.push_back(
        "The data " + *gone +
        " are not there any more. The report is made without them, of what the training "
        "noted; fluxsbi diagnose needs other pairs (--data FILE), and a new training needs the data.");
}

}  // namespace

std::string shell_word(const std::string& word) {
  const auto harmless = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-./,=:+@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), harmless)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string remedy_of_rounds(const std::string& folder) {
  int64_t last = 0;
  const auto round = [&](int64_t number) { return fs::path(folder) / "rounds" / std::to_string(number); };
  while (is_file(round(last + 1) / "config.yaml")) ++last;
  return last == 0 ? "" : "; the rounds of a refinement are run folders: give " + round(last).string();
}

ReportContent read_run(const std::string& run) {
  const fs::path folder(run);
  std::error_code ignored;
  if (!fs::exists(folder, ignored)) throw core::UserError(run + ": does not exist; check the path");
  if (!is_file(folder / "config.yaml"))
    throw core::UserError(run + ": is not a run folder: it holds no config.yaml" + remedy_of_rounds(run));
  ReportContent content;
  content.title = name_of_run(folder);
  content.made = "Made " + now_text() + " by " + program_text() + ".";
  content.versions.emplace_back("report", program_text());
  content.config.content = io::read_text(folder / "config.yaml");
  content.curves = read_curves(folder);
  content.data = read_data(folder);
  content.card_rules = read_card_rules(folder);
  content.findings = read_findings(folder, content);
  content.posterior.absent =
      has_model(folder)
          ? "Made without a posterior: give samples by --samples, which fluxsbi sample " + shell_word(run) +
                " --x OBSERVATION -n 10000 -o samples.npz draws."
          : "Made without a posterior: it needs a model, which the run will hold when it has trained.";
  read_model(run, content);
  look_for_data(folder, content);
  content.commands.push_back("fluxsbi train " + shell_word(run + "/config.yaml") + " -o again");
  return content;
}

}  // namespace fluxsbi::report
