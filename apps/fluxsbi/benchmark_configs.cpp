#include "benchmark_configs.hpp"

#include <algorithm>

#include "benchmark/plan.hpp"
#include "core/error.hpp"
#include "core/registry.hpp"
#include "data_arguments.hpp"
#include "experiment/experiment.hpp"
#include "experiment/recommendation.hpp"
#include "io/text_file.hpp"
#include "model/network.hpp"

namespace fluxsbi::app {

namespace {

std::string simulations_setting(const benchmark::Entry& entry) {
  return "data.simulations=" + std::to_string(entry.simulations);
}

std::string strategy_word(const config::Value& document, const std::string& key, const std::string& absent) {
  const config::Value* strategy = document.find("strategy");
  const config::Value* value = strategy ? strategy->find(key) : nullptr;
  return value && value->kind == config::Value::Kind::scalar ? value->scalar : absent;
}

// A section `strategy` of the method alone: keys of one method are unknown to another. No model: "".
std::string strategy_setting(const std::string& method, const std::string& model) {
  const auto& row = core::row_named(benchmark::methods(), method, "unknown method");
  return "strategy={" + std::string(row.keys) + (model.empty() ? "" : ", model: " + model) + "}";
}

// The document that training will read.
config::Value entry_document(const benchmark::Entry& entry, const benchmark::EntryConfig& config,
                             const std::string& name) {
  config::Value document = config::parse_yaml(config.text, name);
  DataArguments data;
  data.task = entry.task;
  put_into(data, document);
  for (const std::string& setting : config.settings) config::set_from_command_line(document, setting);
  return document;
}

class ConfigMaker {
 public:
  explicit ConfigMaker(const BenchmarkConfigs& wanted) : wanted_(wanted) {
    if (!wanted.file.empty()) file_text_ = io::read_text(wanted.file);
  }

  std::pair<benchmark::Entry, benchmark::EntryConfig> make(benchmark::Entry entry) const {
    benchmark::EntryConfig config = wanted_.file.empty() ? recommended(entry) : of_file(entry);
    config.settings.push_back(simulations_setting(entry));
    config.settings.insert(config.settings.end(), wanted_.settings.begin(), wanted_.settings.end());
    const std::string name = wanted_.file.empty() ? "the recommended config" : wanted_.file;
    const config::Value document = entry_document(entry, config, name);
    const experiment::Experiment experiment = experiment::read_experiment(document);
    if (entry.model == "auto") entry.model = experiment.strategy.model;
    if (!wanted_.methods_given && !wanted_.file.empty())
      entry.method = benchmark::method_name(experiment.strategy.method,
                                            strategy_word(document, "preconditioning", "edm"),
                                            strategy_word(document, "sde", "ve"));
    require_matching(entry, experiment);
    return {entry, config};
  }

 private:
  // What `recommend` writes for the task, the model and the method.
  static benchmark::EntryConfig recommended(const benchmark::Entry& entry) {
    config::Value given = config::parse_yaml("{}", "the benchmark's choice");
    DataArguments data;
    data.task = entry.task;
    put_into(data, given);
    config::set_from_command_line(given, simulations_setting(entry));
    config::set_from_command_line(given,
                                  strategy_setting(entry.method, entry.model == "auto" ? "" : entry.model));
    return {experiment::recommend(given, entry.seed).yaml(), {}};
  }

  benchmark::EntryConfig of_file(const benchmark::Entry& entry) const {
    benchmark::EntryConfig config{file_text_, {}};
    const config::Value document = config::parse_yaml(file_text_, wanted_.file);
    const std::string model = wanted_.models_given && entry.model != "auto"
                                  ? entry.model
                                  : strategy_word(document, "model", "auto");
    if (wanted_.methods_given) {
      config.settings.push_back(strategy_setting(entry.method, model));
    } else if (wanted_.models_given) {
      config.settings.push_back("strategy.model=" + model);
    }
    return config;
  }

  // --set may have changed what the entry's name says.
  void require_matching(const benchmark::Entry& entry, const experiment::Experiment& experiment) const {
    const bool simulations = experiment.data.simulations == entry.simulations;
    if (experiment.strategy.model == entry.model && simulations) return;
    throw core::UserError(
        "--set changes " + std::string(simulations ? "strategy.model" : "data.simulations") + " of " +
        entry.title() + ", which its name says; choose it by " + (simulations ? "--models" : "--budgets"));
  }

  const BenchmarkConfigs& wanted_;
  std::string file_text_;
};

}  // namespace

std::vector<std::pair<benchmark::Entry, benchmark::EntryConfig>> benchmark_configs(
    const std::vector<benchmark::Entry>& entries, const BenchmarkConfigs& wanted) {
  const ConfigMaker maker(wanted);
  std::vector<std::pair<benchmark::Entry, benchmark::EntryConfig>> made;
  for (const benchmark::Entry& entry : entries) {
    auto one = maker.make(entry);
    const bool there =
        std::any_of(made.begin(), made.end(), [&](const auto& other) { return other.first == one.first; });
    if (!there) made.push_back(std::move(one));
  }
  return made;
}

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const model::ModelRow& row : model::models()) names.emplace_back(row.name);
  return names;
}

}  // namespace fluxsbi::app
