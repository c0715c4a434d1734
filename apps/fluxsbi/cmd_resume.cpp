#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "experiment/runs.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct ResumeArguments {
  std::string run;
  experiment::Execution execution;
  std::optional<int64_t> steps;
};

}  // namespace

Action declare_resume(CLI::App& app) {
  auto arguments = std::make_shared<ResumeArguments>();
  app.add_option("run", arguments->run, "run folder")->required();
  app.add_option("--steps", arguments->steps, "new number of steps in total")->check(above_zero());
  add_execution(app, arguments->execution);
  return [arguments] {
    experiment::resume_run(arguments->run, arguments->steps, arguments->execution);
    return 0;
  };
}

}  // namespace fluxsbi::app
