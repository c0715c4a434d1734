#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/simulate/exact_posterior.hpp"
#include "data/simulate/simulation_config.hpp"
#include "idle_options.hpp"
#include "io/files.hpp"
#include "io/output.hpp"
#include "io/overwritten_input.hpp"
#include "number_range.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct SimulateArguments {
  std::string task, config, posterior_of, theta;
  OutputArgument output;
  int64_t count = 0;
  uint64_t seed = 0;
  int workers = 0;
  bool retry_failed = false;
};

// The first word may be a config, as that of `train` is.
bool is_config(const std::string& word) {
  const std::string extension = io::extension_of(word);
  return extension == ".yaml" || extension == ".yml";
}

int simulate(SimulateArguments arguments, const CLI::App& command) {
  if (arguments.config.empty() && is_config(arguments.task)) std::swap(arguments.config, arguments.task);
  if (arguments.task.empty() == arguments.config.empty()) {
    throw core::UserError("simulate needs either the name of a task or --config with a simulator section");
  }
  if (arguments.count == 0 && arguments.theta.empty())
    throw core::UserError("-n is required: the number of simulations; or give rows of theta with --theta F");
  io::check_output(arguments.output.path, arguments.output.force || arguments.retry_failed,
                   io::writable_extensions());
  io::refuse_overwriting(arguments.output.path, {arguments.theta, arguments.posterior_of});
  if (!arguments.posterior_of.empty()) {
    if (arguments.task.empty()) throw core::UserError("--posterior needs a built-in task");
    if (!arguments.theta.empty())
      throw core::UserError("--posterior draws theta and --theta gives it; keep one of them");
    warn_idle(command, {"--workers"}, "shares simulations, and --posterior makes none");
    warn_idle(command, {"--retry-failed"}, "runs simulations again, and --posterior makes none");
    const auto shape = data::write_exact_posterior(
        {arguments.task, arguments.posterior_of, arguments.output.path, arguments.count, arguments.seed});
    core::log::info("wrote " + arguments.output.path + ": samples " + core::shape_text(shape) +
                    " of the exact posterior of " + arguments.task);
    return 0;
  }
  data::SimulateRequest request;
  request.output = arguments.output.path;
  request.force = arguments.output.force;
  request.retry_failed = arguments.retry_failed;
  request.simulations = arguments.count;
  request.seed = arguments.seed;
  if (!arguments.task.empty()) request.task = arguments.task;
  if (!arguments.theta.empty()) request.theta_file = arguments.theta;
  if (!arguments.config.empty()) data::take_simulator(arguments.config, request);
  if (arguments.workers > 0) request.simulator.workers = arguments.workers;
  request.progress = [begin = core::steady_seconds()](int64_t done, int64_t total, int64_t failed) {
    const double left = (core::steady_seconds() - begin) / static_cast<double>(std::max<int64_t>(done, 1)) *
                        static_cast<double>(total - done);
    core::log::progress("simulating " + std::to_string(done) + "/" + std::to_string(total) +
                        (failed ? ", " + std::to_string(failed) + " failed" : "") + ", " +
                        core::duration_text(left) + " left");
  };
  const data::SimulateOutcome outcome = data::simulate_to_file(request);
  core::log::end_progress();
  if (outcome.resumed)
    core::log::info(std::to_string(outcome.resumed) + " simulations were taken over from an earlier run");
  core::log::info("wrote " + core::join(outcome.files) + ": " + std::to_string(outcome.rows) +
                  " simulations");
  if (outcome.failed) {
    core::log::warning(std::to_string(outcome.failed) +
                       " simulations failed (x is NaN, failed = true); the first: " + outcome.first_failure +
                       "; train with data.nan: drop to leave them out");
  }
  return 0;
}

}  // namespace

Action declare_simulate(CLI::App& app) {
  auto arguments = std::make_shared<SimulateArguments>();
  app.add_option("task,--task", arguments->task,
                 "built-in task, for example two_moons, or a config, as --config");
  app.add_option("--config", arguments->config, "config with simulator.command and prior, instead of a task");
  app.add_option(
         "-n,--count", arguments->count,
         "number of simulations, or of posterior draws for each row; with --theta the first rows alone")
      ->check(above_zero());
  app.add_option(
      "--theta", arguments->theta,
      "simulate at the rows of theta in this file (.npz, .h5, .npy, .csv) instead of draws from the prior; "
      "a file of samples gives the posterior predictive");
  add_seed(app, arguments->seed, "seed; row i depends only on the seed and i");
  app.add_option("--workers", arguments->workers, "number of parallel workers (default: all threads)")
      ->check(above_zero());
  app.add_option("--posterior", arguments->posterior_of,
                 "instead, draw from the task's exact posterior for every observation of this file");
  app.add_flag(
      "--retry-failed", arguments->retry_failed,
      "keep the rows of OUT, or of OUT.partial, that succeeded, and run the failed ones again: after the "
      "program was mended");
  add_output(app, arguments->output, ".npz, .h5, .csv or .npy file to write");
  return [arguments, &app] { return simulate(*arguments, app); };
}

}  // namespace fluxsbi::app
