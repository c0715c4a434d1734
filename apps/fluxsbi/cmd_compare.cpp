#include <cmath>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"
#include "evidence/comparison.hpp"
#include "pairs_arguments.hpp"

namespace fluxsbi::app {

namespace {

struct CompareArguments {
  evidence::ComparisonRequest request;
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

int compare(CompareArguments arguments) {
  evidence::ComparisonRequest& request = arguments.request;
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
  app.add_option("-n,--draws", request.gather.draws, "posterior draws for each pair, for the calibration")
      ->capture_default_str();
  app.add_option("--seed", request.gather.seed, "seed of draws and of fresh simulations")
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "print one JSON object");
  add_execution(app, request.execution);
  return [arguments] { return compare(*arguments); };
}

}  // namespace fluxsbi::app
