#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "distributed/ranks.hpp"
#include "experiment/runs.hpp"
#include "idle_options.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct ResumeArguments {
  std::string run;
  experiment::Execution execution;
  experiment::Continuation how;
  double rank_timeout = distributed::default_silence;
};

}  // namespace

Action declare_resume(CLI::App& app) {
  auto arguments = std::make_shared<ResumeArguments>();
  app.add_option("run", arguments->run, "run folder")->required();
  app.add_option("--steps", arguments->how.steps, "new number of steps in total")->check(above_zero());
  app.add_option(
         "--data", arguments->how.data,
         "where the data lie now, if they were moved (their checksum tells whether they are the same); "
         "several files where the run has several")
      ->allow_extra_args(false);
  app.add_flag(
      "--restart-rate", arguments->how.restart_rate,
      "with --steps: stretch the cosine schedule over all steps, although that raises the learning rate; "
      "without it the rate goes on from where it has fallen to");
  add_execution(app, arguments->execution);
  add_members(app, arguments->how.members);
  add_rank_timeout(app, arguments->rank_timeout);
  return [arguments, &app] {
    warn_of_rank_timeout(app);
    if (!arguments->how.steps)
      warn_idle(
          app, {"--restart-rate"},
          "stretches the schedule over the steps of --steps, which is not given: the rate goes on as it was");
    auto& execution = arguments->execution;
    execution.ranks = distributed::open_ranks(arguments->rank_timeout);
    distributed::run_together(*execution.ranks,
                              [&] { experiment::resume_run(arguments->run, arguments->how, execution); });
    return 0;
  };
}

}  // namespace fluxsbi::app
