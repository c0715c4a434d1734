#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/table_text.hpp"
#include "core/text.hpp"
#include "diagnose/finding_json.hpp"
#include "evidence/diagnosis.hpp"
#include "evidence/question.hpp"
#include "experiment/open_posterior.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"
#include "pairs_arguments.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct DiagnoseArguments {
  std::string model, folder;
  experiment::Execution execution;
  evidence::DiagnosisRequest request;
  std::optional<int64_t> steps;
  std::string references = "box";
  bool json = false;
};

std::string rounded(double value) {
  return std::isnan(value) ? "" : core::brief_text(value);
}

// What the value may be: a p-value's verdict is Holm's, so no bound of its own is shown.
std::string bound_text(const diagnose::Finding& finding) {
  if (finding.p_value) return "p = " + core::brief_text(*finding.p_value);
  const bool low = !std::isnan(finding.low), high = !std::isnan(finding.high);
  if (low && high) return rounded(finding.low) + " to " + rounded(finding.high);
  if (low) return ">= " + rounded(finding.low);
  if (high) return "<= " + rounded(finding.high);
  return finding.standard_error ? "+- " + rounded(*finding.standard_error) : "";
}

void print_table(const std::vector<diagnose::Finding>& findings) {
  std::vector<std::vector<std::string>> rows{{"test", "of", "statistic", "value", "right if", "verdict"}};
  for (const diagnose::Finding& finding : findings) {
    rows.push_back({finding.test, finding.variable.empty() ? "all" : finding.variable, finding.statistic,
                    rounded(finding.value), bound_text(finding),
                    std::string(diagnose::text_of(finding.verdict))});
  }
  std::cout << core::aligned_table(rows, "", 3);
}

// Each failure once: several variables of one test often say the same. What was only measured helps to find
// the cause.
void print_advice(const std::vector<diagnose::Finding>& findings) {
  std::vector<std::string> said;
  for (const diagnose::Finding& finding : findings) {
    const bool measured = finding.verdict == diagnose::Verdict::measured;
    if (finding.verdict == diagnose::Verdict::pass) continue;
    if (measured && (finding.next.empty() || !diagnose::any_failed(findings))) continue;
    const std::string line = finding.meaning + (finding.next.empty() ? "" : "\n    next: " + finding.next);
    if (std::find(said.begin(), said.end(), line) != said.end()) continue;
    said.push_back(line);
    std::cout << "\n"
              << finding.test << (finding.variable.empty() ? "" : " of " + finding.variable) << ": " << line
              << "\n";
  }
}

std::string conclusion(const std::vector<diagnose::Finding>& findings) {
  const auto count = [&](diagnose::Verdict verdict) {
    return std::count_if(findings.begin(), findings.end(),
                         [verdict](const diagnose::Finding& finding) { return finding.verdict == verdict; });
  };
  const auto failed = count(diagnose::Verdict::fail), open = count(diagnose::Verdict::not_enough);
  if (failed > 0)
    return core::count_text(failed, "finding") +
           " failed: do not rely on these posteriors before the cause is found";
  if (open > 0)
    return core::count_text(open, "test") + " had too few data for a verdict; " +
           (count(diagnose::Verdict::pass) > 0 ? "nothing else speaks against these posteriors"
                                               : "nothing is known of these posteriors");
  return count(diagnose::Verdict::pass) > 0 ? "nothing speaks against these posteriors"
                                            : "no test with a verdict was made";
}

int print(const evidence::Diagnosis& diagnosis, const DiagnoseArguments& arguments) {
  const bool failed = diagnose::any_failed(diagnosis.findings);
  if (arguments.json) {
    std::cout << diagnose::to_json(diagnosis.findings) << "\n";
  } else {
    print_table(diagnosis.findings);
    print_advice(diagnosis.findings);
    std::cout << "\n" << conclusion(diagnosis.findings) << "\n";
  }
  std::cout.flush();  // before the log's last lines, where both go to one file
  for (const std::string& line : diagnosis.left_out) core::log::info("not made: " + line);
  core::log::info(arguments.request.pairs.folder + ": findings with the numbers of their pictures, in " +
                  core::duration_text(diagnosis.seconds));
  return static_cast<int>(failed ? core::ExitCode::diagnostic_failed : core::ExitCode::good);
}

// Options of tests that are not among those that were named, and --row without rows.
void warn_of_idle(const evidence::DiagnosisRequest& request, const CLI::App& command) {
  using Names = std::vector<std::string>;
  const std::pair<const char*, Names> options[] = {
      {"--likelihood", {"likelihood"}},
      {"--predictive", {"ppc"}},
      {"--permutations", {"lc2st"}},
      {"--references", {"tarp"}},
      {"--density-draws", {"hpd"}},
      {"--x", {"inside", "regions", "ppc", "solver", "likelihood", "lc2st"}},
      {"--draws", {"sharpness", "sbc", "coverage", "tarp", "data_averaged", "regions", "lc2st", "hpd"}}};
  const auto made = [&](const std::string& test) {
    return std::find(request.tests.begin(), request.tests.end(), test) != request.tests.end();
  };
  for (const auto& [option, tests] : options) {
    if (request.tests.empty() || std::any_of(tests.begin(), tests.end(), made)) continue;
    warn_idle(command, {option},
              "is for the " + std::string(tests.size() == 1 ? "test " : "tests ") + core::join(tests) +
                  ", and asked for is " + core::join(request.tests));
  }
  if (request.x.empty()) warn_idle(command, {"--row"}, "is a row of --x, which is not given");
}

int diagnose_command(DiagnoseArguments arguments, const CLI::App& command) {
  evidence::DiagnosisRequest& request = arguments.request;
  warn_of_idle(request, command);
  request.pairs.model = request.observed.run = arguments.model;
  request.pairs.seed = request.test.seed = request.gather.seed;
  request.test.tarp_reference_from_prior = arguments.references == "prior";
  sample::Posterior posterior = experiment::open_posterior(arguments.model, arguments.execution, "float32");
  // What is found of other conditionals has a folder of its own, beside what is found of theta given x.
  if (arguments.folder.empty()) {
    arguments.folder = diagnostics_folder(arguments.model);
    const std::string own = evidence::folder_name(evidence::make_question(posterior, request.given_names));
    if (!own.empty()) arguments.folder += "/" + own;
  }
  request.pairs.folder = request.observed.folder = arguments.folder;
  request.gather.sampling = posterior.sampling();
  if (arguments.steps) request.gather.sampling.steps = arguments.steps;
  request.gather.progress = [](const std::string& what) { return show_progress(what, "draws"); };
  return print(evidence::diagnose_model(posterior, request), arguments);
}

}  // namespace

Action declare_diagnose(CLI::App& app) {
  auto arguments = std::make_shared<DiagnoseArguments>();
  evidence::DiagnosisRequest& request = arguments->request;
  app.add_option("model", arguments->model, "run folder or model.safetensors")->required();
  std::string names;
  for (const diagnose::TestRow& row : diagnose::tests())
    names += (names.empty() ? "" : "; ") + std::string(row.name) + ": " + std::string(row.summary);
  app.add_option("tests", request.tests, "tests to make (default: all that can be made). " + names);
  add_pairs(app, request.pairs);
  app.add_option("--x", request.x, "observations to look at, one a row, for the tests that need one");
  app.add_option("--row", request.row, "which row of --x, counted from 0 (default: all, at most ten)")
      ->check(at_least_zero());
  app.add_option("--given-names", request.given_names,
                 "joint models: the columns that are given, such as x_0,theta_1; the others are inferred "
                 "(default: theta given x)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("-n,--draws", request.gather.draws, "posterior draws for each pair")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--density-draws", request.gather.density_draws,
                 "draws of each pair whose log-density is computed")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option(
      "--likelihood", request.observed.likelihood,
      "likelihood: the name of a task, a YAML file with likelihood.command, or model, what a joint "
      "model knows of p(x | theta) (default: the task of the run, where it has one)");
  app.add_option("--predictive", request.observed.simulations,
                 "simulations at posterior draws, for the predictive check of each observation")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--permutations", request.test.permutations,
                 "permutations of labels, in tests whose null distribution they make")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--references", arguments->references,
                 "tarp: reference points uniform in the box of theta (box) or draws of the prior (prior)")
      ->check(CLI::IsMember({"box", "prior"}))
      ->capture_default_str();
  app.add_option("--level", request.test.level,
                 "probability that a right model fails this command, all tests together")
      ->check(within(1e-6, 0.5))
      ->capture_default_str();
  app.add_option("--steps", arguments->steps, "steps of the sampler (default: the model's)")
      ->check(solver_steps());
  add_seed(app, request.gather.seed, "seed of draws, fresh simulations and tests");
  app.add_flag("--json", arguments->json, "print the findings as JSON");
  app.add_option("-o,--output", arguments->folder,
                 "folder for NAME.json of each test (default: diagnostics in the run folder, and with "
                 "--given-names a folder in that)");
  add_execution(app, arguments->execution);
  return [arguments, &app] { return diagnose_command(*arguments, app); };
}

}  // namespace fluxsbi::app
