#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "diagnose/c2st.hpp"
#include "diagnose/samples.hpp"
#include "number_range.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct C2stArguments {
  std::string reference, samples;
  std::vector<std::string> columns;
  int64_t row = -1, reference_row = -2;
  diagnose::C2stOptions options;
  bool json = false;
  std::optional<double> highest;  ///< --max
};

void print_json(const diagnose::C2stResult& result) {
  const nlohmann::ordered_json json{{"c2st", result.mean},        {"std_error", result.std_error},
                                    {"rows", result.rows},        {"dimensions", result.dimensions},
                                    {"folds", result.accuracies}, {"seconds", result.seconds}};
  std::cout << json.dump() << "\n";
}

int c2st(C2stArguments arguments) {
  const auto load = [&](const std::string& path, int64_t row) {
    diagnose::SampleSet set = diagnose::load_samples(path, row);
    if (set.columns.empty()) set.columns = data::default_names("theta", set.dimensions);
    return arguments.columns.empty() ? set : diagnose::with_columns(set, arguments.columns);
  };
  const auto reference =
      load(arguments.reference, arguments.reference_row == -2 ? arguments.row : arguments.reference_row);
  const auto samples = diagnose::in_order_of(load(arguments.samples, arguments.row), reference.columns);
  if (reference.values == samples.values)
    core::log::warning("both files hold the same draws: the score says nothing (one file given twice?)");
  arguments.options.on_fold = [](int64_t done, int64_t folds) {
    core::log::progress("c2st: fold " + std::to_string(done) + " of " + std::to_string(folds));
  };
  const diagnose::C2stResult result = diagnose::c2st(reference, samples, arguments.options);
  core::log::end_progress();
  if (result.cut_to_smaller) {
    core::log::warning("the files hold different numbers of samples; the score uses only the first " +
                       std::to_string(result.rows) + " of each");
  }
  if (result.duplicates > 0) {
    core::log::warning(std::to_string(result.duplicates) +
                       " samples repeat another one, which biases the score");
  }
  if (result.unfilled > 0)
    core::log::warning(std::to_string(result.unfilled) +
                       " draws hold no sample, because none was found "
                       "within the prior's support; they were left out");
  if (!result.converged)
    core::log::warning("a classifier stopped at its largest number of epochs before it converged");
  const bool failed = arguments.highest && result.mean > *arguments.highest;
  const int code = static_cast<int>(failed ? core::ExitCode::diagnostic_failed : core::ExitCode::good);
  if (arguments.json) {
    print_json(result);
    return code;
  }
  std::cout << "C2ST " << core::number_text(std::round(result.mean * 1e4) / 1e4) << " +- "
            << core::number_text(std::round(result.std_error * 1e4) / 1e4) << "  (" << result.rows
            << " samples each, " << result.dimensions << " dimensions, " << result.accuracies.size()
            << " folds, " << core::duration_text(result.seconds) << ")\n"
            << "0.5 means that no difference was found, 1.0 that every sample can be told apart\n";
  if (failed) std::cout << "the score is above --max " << core::number_text(*arguments.highest) << "\n";
  return code;
}

}  // namespace

Action declare_c2st(CLI::App& app) {
  auto arguments = std::make_shared<C2stArguments>();
  app.add_option("reference", arguments->reference,
                 "reference samples: .npy [n, d], .csv, or .npz/.h5 with 'samples'")
      ->required();
  app.add_option("samples", arguments->samples, "samples to score, in a file of the same kinds")->required();
  app.add_option("--row", arguments->row,
                 "index of the observation in 'samples' [rows, n, d] of both files, counted from 0")
      ->check(at_least_zero());
  app.add_option("--reference-row", arguments->reference_row,
                 "index of the observation in the reference file, if it differs from --row")
      ->check(at_least_zero());
  app.add_option(
         "--columns", arguments->columns,
         "parameters to compare, by name or by number from 0, such as mass,spin or 0,3 (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--folds", arguments->options.folds, "number of cross-validation folds")
      ->capture_default_str()
      ->check(CLI::Range(2, 100));
  app.add_option("--max-rows", arguments->options.max_rows, "how many samples of each file are used; 0: all")
      ->check(at_least_zero())
      ->capture_default_str();
  add_seed(app, arguments->options.seed, "seed of the folds and the classifiers");
  app.add_option("--max", arguments->highest, "end with exit code 2 where the score is above this one")
      ->check(within(0, 1));
  app.add_flag("--json", arguments->json, "print one JSON object");
  return [arguments] { return c2st(*arguments); };
}

}  // namespace fluxsbi::app
