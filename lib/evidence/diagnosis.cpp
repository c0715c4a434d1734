#include "evidence/diagnosis.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/registry.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/json_text.hpp"
#include "diagnose/finding_json.hpp"
#include "diagnose/ranks.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "experiment/correction.hpp"
#include "experiment/prior_change.hpp"
#include "io/array.hpp"
#include "io/atomic_file.hpp"
#include "io/npz.hpp"
#include "report/curves.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::evidence {

namespace {

namespace fs = std::filesystem;

// Why draws cannot be weighed by a likelihood, with the remedy; "" if they can.
std::string obstacle_of_weights(const sample::Posterior& posterior, const DiagnosisRequest& request) {
  const std::string likelihood = likelihood_of(request.observed, posterior.shape());
  if (likelihood.empty())
    return "needs a likelihood; name a task or a YAML file with likelihood.command by --likelihood";
  try {
    experiment::prior_for_weighing(posterior, "--likelihood " + likelihood);
    experiment::for_weighing(request.gather.sampling);
  } catch (const core::UserError& problem) {
    return std::string("cannot be made: ") + problem.what();
  }
  return "";
}

// Why a test cannot be made, with the remedy; "" if it can.
std::string obstacle(const sample::Posterior& posterior, const diagnose::Needs& needs,
                     const DiagnosisRequest& request, const Question& question) {
  if ((needs.observation || needs.predictive || needs.fine || needs.weights) && !question.theta_given_x)
    return "looks at theta given x alone; leave --given-names out";
  const bool needs_x = (needs.observation && !needs.fine) || needs.predictive;
  if (needs_x && request.x.empty()) return "needs an observation; name one with --x FILE";
  if (needs.predictive && !can_simulate(request.pairs.model))
    return "needs the simulator, and " + request.pairs.model +
           " names none; set simulator.command, or data.task, in the run's config";
  return needs.weights ? obstacle_of_weights(posterior, request) : "";
}

std::vector<const diagnose::TestRow*> choose_tests(const sample::Posterior& posterior,
                                                   const DiagnosisRequest& request, const Question& question,
                                                   std::vector<std::string>& left_out) {
  std::vector<const diagnose::TestRow*> chosen;
  for (const std::string& name : request.tests)
    core::row_named(diagnose::tests(), name, "there is no test " + core::quoted(name));
  for (const diagnose::TestRow& row : diagnose::tests()) {
    const bool by_name =
        std::find(request.tests.begin(), request.tests.end(), row.name) != request.tests.end();
    if (!request.tests.empty() && !by_name) continue;
    const std::string problem = obstacle(posterior, row.needs, request, question);
    if (problem.empty()) {
      chosen.push_back(&row);
    } else if (by_name) {
      throw core::UserError(std::string(row.name) + " " + problem);
    } else {
      left_out.push_back(std::string(row.name) + " " + problem);
    }
  }
  if (chosen.empty()) throw core::UserError("no test can be made: " + core::join(left_out, "; "));
  return chosen;
}

diagnose::Needs joined(const std::vector<const diagnose::TestRow*>& tests) {
  diagnose::Needs all;
  for (const diagnose::TestRow* row : tests) {
    all.pairs |= row->needs.pairs;
    all.densities |= row->needs.densities;
    all.observation |= row->needs.observation;
    all.predictive |= row->needs.predictive;
    all.fine |= row->needs.fine;
    all.weights |= row->needs.weights;
  }
  return all;
}

// Without an observation the first pair's x stands for one, which tells how well the solver's steps serve.
ObservedRows observed_rows(const sample::Posterior& posterior, const DiagnosisRequest& request,
                           const Pairs& pairs) {
  if (!request.x.empty()) return read_observed(posterior, request.x, request.row);
  const auto size = static_cast<std::ptrdiff_t>(posterior.shape().x_size());
  return {{pairs.x.begin(), pairs.x.begin() + size}, {"the first pair's x"}};
}

std::vector<diagnose::Finding> run_test(const diagnose::TestRow& row, const diagnose::Evidence& evidence,
                                        diagnose::TestOptions options) {
  options.progress = [&](double part) {
    core::log::progress(std::string(row.name) + ": " + std::to_string(static_cast<int>(100 * part)) + " %");
  };
  auto findings = row.run(evidence, options);
  core::log::end_progress();
  return findings;
}

void save(const std::string& folder, const std::vector<diagnose::Finding>& findings) {
  for (size_t first = 0; first < findings.size();) {
    size_t end = first;
    while (end < findings.size() && findings[end].test == findings[first].test) ++end;
    io::write_text((fs::path(folder) / (findings[first].test + ".json")).string(),
                   diagnose::to_json(std::span(findings).subspan(first, end - first)) + "\n");
    first = end;
  }
}

// The validation losses of a run folder; none where there is no metrics.jsonl that can be read.
void read_losses(const std::string& run, diagnose::Evidence& evidence) {
  const fs::path metrics = fs::path(run) / "metrics.jsonl";
  std::error_code ignored;
  if (!fs::is_regular_file(metrics, ignored)) return;
  for (const auto& point : report::read_metrics(metrics.string()).validation_loss) {
    evidence.loss_steps.push_back(point.step);
    evidence.losses.push_back(point.value);
  }
}

// Ranks and PIT values of theta* among the draws, and densities, for other programs.
void save_ranks(const std::string& folder, const diagnose::Evidence& evidence, uint64_t seed) {
  if (evidence.samples.empty()) return;
  const int64_t d = evidence.theta_dim();
  std::vector<double> pit(evidence.theta.size(), std::nan(""));
  std::vector<int64_t> below(evidence.theta.size(), -1);
  for (int64_t j = 0; j < d; ++j) {
    const auto ranks = diagnose::ranks_of_variable(evidence, j, seed);
    if (std::ssize(ranks) != evidence.pairs) return;  // a pair without draws has no rank
    for (size_t n = 0; n < ranks.size(); ++n) {
      pit[n * static_cast<size_t>(d) + static_cast<size_t>(j)] = ranks[n].pit;
      below[n * static_cast<size_t>(d) + static_cast<size_t>(j)] = ranks[n].below;
    }
  }
  io::Arrays arrays;
  const std::vector<int64_t> shape{evidence.pairs, d};
  arrays["pit"] = io::Array::from(std::span<const double>(pit), shape);
  arrays["ranks"] = io::Array::from(std::span<const int64_t>(below), shape);
  arrays["theta"] = io::Array::from(std::span<const double>(evidence.theta), shape);
  arrays["draws"] = io::Array::from(std::span<const int64_t>(&evidence.draws, 1), {});
  if (!evidence.log_theta.empty()) {
    arrays["log_prob"] = io::Array::from(std::span<const double>(evidence.log_theta), {evidence.pairs});
    arrays["log_prob_draws"] = io::Array::from(std::span<const double>(evidence.log_samples),
                                               {evidence.pairs, evidence.density_draws});
  }
  std::string names;
  for (const std::string& name : evidence.names) names += (names.empty() ? "" : ",") + data::json_text(name);
  arrays["names"] = sample::text_array("[" + names + "]");
  io::save_npz((fs::path(folder) / "pit.npz").string(), arrays);
}

std::string names_of(const std::vector<const diagnose::TestRow*>& tests) {
  std::vector<std::string> names;
  for (const diagnose::TestRow* row : tests) names.emplace_back(row->name);
  return core::join(names);
}

// All that decides the findings.
experiment::WorkDescription work_of(sample::Posterior& posterior, const DiagnosisRequest& request,
                                    const std::vector<const diagnose::TestRow*>& tests,
                                    const Question& question, const Pairs& pairs, const ObservedRows& rows) {
  const GatherOptions& gather = request.gather;
  const auto number = [](auto value) { return core::number_text(static_cast<double>(value)); };
  experiment::WorkDescription work("diagnose", posterior);
  work.add("tests", names_of(tests));
  work.add("theta of the pairs", pairs.theta);
  work.add("x of the pairs", pairs.x);
  work.add("observations", rows.x);
  work.add("given", std::vector<double>(question.mask.begin(), question.mask.end()));
  work.add("draws of a pair", number(gather.draws));
  work.add("draws with log-density", number(gather.density_draws));
  work.add("solver of log-densities", gather.density_solver + " " + number(gather.density_steps.value_or(0)));
  work.add("draws of an observation", number(request.observed.draws));
  work.add("simulations at them", number(request.observed.simulations));
  for (const diagnose::TestRow* row : tests) {
    if (row->needs.weights) work.add("likelihood", likelihood_of(request.observed, posterior.shape()));
  }
  work.add("seed", std::to_string(gather.seed));
  work.add("level", core::number_text(request.test.level));
  work.add("permutations", number(request.test.permutations));
  work.add("references", request.test.tarp_reference_from_prior ? "prior" : "box");
  work.add(gather.sampling);
  return work;
}

[[noreturn]] void refuse_nothing(const std::vector<std::string>& tests,
                                 const std::vector<std::string>& problems) {
  if (!problems.empty()) throw core::UserError(core::join(problems, "; "));
  throw core::UserError(
      core::join(tests) +
      ": nothing to look at; prior needs a model whose prior can be drawn from, training a run "
      "folder with validation losses");
}

std::vector<diagnose::Finding> run_tests(const std::vector<const diagnose::TestRow*>& tests,
                                         const diagnose::Evidence& evidence, const DiagnosisRequest& request,
                                         KeptDiagnosis& kept) {
  std::vector<diagnose::Finding> findings;
  std::vector<std::string> problems;
  for (const diagnose::TestRow* row : tests) {
    core::interruption_point();
    try {
      auto found =
          kept.findings(std::string(row->name), [&] { return run_test(*row, evidence, request.test); });
      std::move(found.begin(), found.end(), std::back_inserter(findings));
    } catch (const core::UserError& problem) {  // too many draws that could not be filled, say
      if (!request.tests.empty()) throw;
      problems.push_back(std::string(row->name) + " could not be made: " + problem.what());
      core::log::warning(problems.back());
    }
  }
  if (findings.empty()) refuse_nothing(request.tests, problems);
  return findings;
}

}  // namespace

Diagnosis diagnose_model(sample::Posterior& posterior, DiagnosisRequest request) {
  const double begin = core::steady_seconds();
  const core::InterruptScope stops;
  Diagnosis diagnosis;
  const Question question = make_question(posterior, request.given_names);
  const auto tests = choose_tests(posterior, request, question, diagnosis.left_out);
  const DiagnosisFolder folder(request.pairs.folder);
  const diagnose::Needs needs = joined(tests);
  PairsRequest wanted = request.pairs;
  wanted.theta_names = posterior.theta_names();
  wanted.x_names = posterior.x_names();
  const Pairs pairs = load_pairs(wanted, posterior.shape());
  core::log::info(core::count_text(pairs.rows, "pair") + ": " + pairs.source);
  const bool observes = !request.x.empty() || needs.observation || needs.fine || needs.predictive;
  const ObservedRows rows = observes ? observed_rows(posterior, request, pairs) : ObservedRows{};
  KeptDiagnosis kept(posterior, request.pairs.folder,
                     work_of(posterior, request, tests, question, pairs, rows));
  request.gather.resumed = kept.resumed();
  kept.run([&] {
    diagnose::Evidence evidence = gather(posterior, question, pairs, needs, request.gather);
    evidence.observations = observe(posterior, rows, needs, request.observed, request.gather);
    read_losses(request.pairs.model, evidence);
    diagnosis.findings = run_tests(tests, evidence, request, kept);
    for (diagnose::Finding& finding : diagnosis.findings) finding.given = given_text(question);
    diagnose::judge(diagnosis.findings, request.test.level);
    save(request.pairs.folder, diagnosis.findings);
    save_ranks(request.pairs.folder, evidence, request.test.seed);
  });
  kept.finish();
  diagnosis.seconds = core::steady_seconds() - begin;
  return diagnosis;
}

}  // namespace fluxsbi::evidence
