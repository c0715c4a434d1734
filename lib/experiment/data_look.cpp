#include "experiment/data_look.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/log.hpp"
#include "data/look/report.hpp"
#include "experiment/experiment.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

void log_look(const data::Look& look) {
  core::log::info(data::summary_line(look));
  for (const data::Finding& finding : look.findings) {
    if (finding.severity != data::Severity::note) core::log::warning(finding.line());
  }
}

CheckOutcome check_data(const config::Value& document, const Execution& execution) {
  Experiment experiment = read_experiment(document);
  for (const auto& warning : experiment.warnings) core::log::warning(warning);
  if (!experiment.data.has_source())
    throw core::UserError(document.place.file +
                          ": no data: name a file with --data F, a built-in task with --task "
                          "NAME, or data.file in the config");
  use_all_threads();
  TrainingRun run("", std::move(experiment), execution);
  run.open_data();
  std::string refused;
  try {
    run.survey_data();
    run.find_symmetries();
  } catch (const core::UserError& problem) {
    refused = problem.what();
  }
  run.build();
  run.look_at_data();
  run.estimate_step();
  CheckOutcome outcome{run.dataset().source, run.look()};
  const bool is_said = std::any_of(
      outcome.look.findings.begin(), outcome.look.findings.end(), [](const data::Finding& finding) {
        return (finding.kind == "failed-rows" || finding.kind == "empty-columns") &&
               finding.severity == data::Severity::error;
      });
  if (!refused.empty() && !is_said) {
    outcome.look.findings.insert(
        outcome.look.findings.begin(),
        {data::Severity::error, "refused", {}, 0, "train refuses these data: " + refused, "", "data"});
  }
  return outcome;
}

}  // namespace fluxsbi::experiment
