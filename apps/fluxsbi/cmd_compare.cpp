#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"
#include "evidence/comparison.hpp"
#include "evidence/model_evidence.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"
#include "pairs_arguments.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct CompareArguments {
  evidence::ComparisonRequest request;
  std::string x;
  std::optional<int64_t> draws;
  bool json = false;
};

void print_json(const evidence::Comparison& comparison) {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const evidence::ComparedModel& model : comparison.models) {
    models.push_back({{"model", model.name},
                      {"expected_log_density", model.log_density},
                      {"standard_error", model.standard_error},
                      {"behind_best", model.behind},
                      {"behind_standard_error", model.behind_error},
                      {"without_density", model.outside},
                      {"calibration", model.calibration}});
  }
  std::cout << nlohmann::ordered_json{{"pairs", comparison.pairs}, {"models", models}}.dump() << "\n";
}

std::string with_error(double value, double error) {
  const auto hundredths = [](double number) { return core::number_text(std::round(number * 1000) / 1000); };
  return hundredths(value) + " +- " + hundredths(error);
}

void print(const evidence::Comparison& comparison) {
  std::vector<std::vector<std::string>> rows{
      {"model", "expected log-density", "behind the best", "without density", "calibration"}};
  for (const evidence::ComparedModel& model : comparison.models) {
    const bool best = &model == &comparison.models.front();
    rows.push_back({model.name, with_error(model.log_density, model.standard_error),
                    best ? "-" : with_error(model.behind, model.behind_error), std::to_string(model.outside),
                    model.calibration});
  }
  std::cout << core::aligned_table(rows) << "\n";
  const evidence::ComparedModel& second = comparison.models[1];
  const bool clear = second.behind > 2 * second.behind_error;
  std::cout << (clear ? comparison.models.front().name + " is the best"
                      : comparison.models.front().name + " and " + second.name +
                            " do not differ by two standard errors; more pairs would tell (--pairs)")
            << "\n";
}

// What an observation says of the models.
struct Verdict {
  std::string best;
  double log_bayes_factor = 0, standard_error = 0;  // of the best model over the next
};

Verdict verdict_of(const evidence::EvidenceTable& table, size_t row) {
  std::vector<const evidence::SimulatorEvidence*> order;
  for (const auto& model : table.models) order.push_back(&model);
  const auto value = [&](const evidence::SimulatorEvidence* model) {
    const double found = model->rows[row].value;
    return std::isnan(found) ? -std::numeric_limits<double>::infinity() : found;
  };
  std::stable_sort(order.begin(), order.end(), [&](auto* a, auto* b) { return value(a) > value(b); });
  const evidence::LogEvidence &best = order[0]->rows[row], &next = order[1]->rows[row];
  return {order[0]->name, best.value - next.value, std::hypot(best.standard_error, next.standard_error)};
}

void print(const evidence::EvidenceTable& table) {
  std::vector<std::vector<std::string>> lines{{"row"}};
  for (const auto& model : table.models) lines[0].push_back("log p(x) by " + model.name);
  lines[0].insert(lines[0].end(), {"best", "ln Bayes factor over the next"});
  for (size_t row = 0; std::cmp_less(row, table.rows); ++row) {
    lines.push_back({std::to_string(row)});
    for (const auto& model : table.models)
      lines.back().push_back(with_error(model.rows[row].value, model.rows[row].standard_error));
    const Verdict verdict = verdict_of(table, row);
    lines.back().insert(lines.back().end(),
                        {verdict.best, with_error(verdict.log_bayes_factor, verdict.standard_error)});
  }
  std::cout << core::aligned_table(lines) << "\n"
            << "at equal odds beforehand, the best is e^(ln Bayes factor) times as likely as the next\n";
}

void print_json(const evidence::EvidenceTable& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (size_t row = 0; std::cmp_less(row, table.rows); ++row) {
    nlohmann::ordered_json models = nlohmann::ordered_json::array();
    for (const auto& model : table.models) {
      const evidence::LogEvidence& found = model.rows[row];
      models.push_back({{"model", model.name},
                        {"log_evidence", found.value},
                        {"standard_error", found.standard_error},
                        {"spread", found.spread},
                        {"by", model.by_prior ? "prior and likelihood" : "joint density"},
                        {"unlike_training", model.unlike[row] != 0}});
    }
    const Verdict verdict = verdict_of(table, row);
    rows.push_back({{"row", row},
                    {"models", models},
                    {"best", verdict.best},
                    {"log_bayes_factor", verdict.log_bayes_factor},
                    {"standard_error", verdict.standard_error}});
  }
  std::cout << nlohmann::ordered_json{{"rows", rows}}.dump() << "\n";
}

int compare_simulators(const CompareArguments& arguments) {
  const evidence::ComparisonRequest& models = arguments.request;
  if (!models.pairs.data.empty() || models.pairs.simulations > 0)
    throw core::UserError(
        "--x compares simulators by an observation, --data and --simulations models of one simulator by "
        "pairs; leave one of them out");
  evidence::EvidenceRequest request;
  request.models = models.models, request.x = arguments.x;
  request.seed = models.gather.seed, request.execution = models.execution;
  if (arguments.draws) request.draws = *arguments.draws;
  const auto table = evidence::compare_evidence(
      request, [](const std::string& what) { return show_progress(what, "densities"); });
  core::log::end_progress();
  if (arguments.json) {
    print_json(table);
  } else {
    print(table);
  }
  return 0;
}

int compare(CompareArguments arguments, const CLI::App& command) {
  if (!arguments.x.empty()) {
    warn_idle(command, {"--pairs"}, "is how many pairs are used, and --x compares by its observations");
    return compare_simulators(arguments);
  }
  evidence::ComparisonRequest& request = arguments.request;
  if (arguments.draws) request.gather.draws = *arguments.draws;
  request.pairs.seed = request.gather.seed;
  request.pairs.folder = diagnostics_folder(request.models.front());
  request.gather.progress = [](const std::string& what) { return show_progress(what, "draws"); };
  const auto comparison = evidence::compare_models(request);
  if (arguments.json) {
    print_json(comparison);
  } else {
    print(comparison);
  }
  return 0;
}

}  // namespace

Action declare_compare(CLI::App& app) {
  auto arguments = std::make_shared<CompareArguments>();
  evidence::ComparisonRequest& request = arguments->request;
  app.add_option("models", request.models, "run folders or model files, two or more")->required();
  add_pairs(app, request.pairs);
  app.add_option("--x", arguments->x,
                 "compare simulators instead: log p(x) of these observations by joint models (flux1joint, "
                 "simformer) that were trained on different simulators, and their Bayes factors");
  app.add_option("-n,--draws", arguments->draws,
                 "posterior draws for each pair, for the calibration (default: " +
                     std::to_string(request.gather.draws) + "), or for each observation of --x (default: " +
                     std::to_string(evidence::EvidenceRequest().draws) + ")")
      ->check(above_zero());
  add_seed(app, request.gather.seed, "seed of draws and of fresh simulations");
  app.add_flag("--json", arguments->json, "print one JSON object");
  add_execution(app, request.execution);
  return [arguments, &app] { return compare(*arguments, app); };
}

}  // namespace fluxsbi::app
