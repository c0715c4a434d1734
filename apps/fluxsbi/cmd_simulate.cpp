#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/observations.hpp"
#include "data/simulate/simulate_to_file.hpp"
#include "experiment/experiment.hpp"
#include "io/files.hpp"
#include "io/output.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct SimulateArguments {
  std::string task, config, posterior_of;
  OutputArgument output;
  int64_t count = 0;
  uint64_t seed = 0;
  int workers = 0;
};

// Draws from the exact posterior of a built-in task: the reference that samples can be scored against.
void write_exact_posterior(const SimulateArguments& arguments, const data::Task& task) {
  if (!task.has_exact_posterior()) {
    throw core::UserError("task " + std::string(task.name()) +
                          " has no exact posterior to draw from; leave out --posterior");
  }
  const auto observations = data::load_observations(arguments.posterior_of, task.shape(), {});
  const int64_t dim = task.theta_dim(), x_dim = task.x_dim();
  std::vector<float> samples(observations.rows * arguments.count * dim);
  for (int64_t row = 0; row < observations.rows; ++row) {
    const auto x = std::span<const float>(observations.x).subspan(row * x_dim, x_dim);
    const uint64_t seed =
        core::derive_seed(arguments.seed, core::Purpose::posterior, static_cast<uint64_t>(row));
    const auto drawn = data::sample_exact_posterior(task, x, arguments.count, seed);
    std::copy(drawn.begin(), drawn.end(), samples.begin() + row * arguments.count * dim);
  }
  io::Arrays arrays;
  arrays["samples"] =
      io::Array::from(std::span<const float>(samples), {observations.rows, arguments.count, dim});
  arrays["x"] = io::Array::from(std::span<const float>(observations.x), {observations.rows, x_dim});
  io::save_arrays(arguments.output.path, arrays);
  core::log::info("wrote " + arguments.output.path + ": samples " +
                  core::shape_text(arrays["samples"].shape) + " of the exact posterior of " +
                  std::string(task.name()));
}

// Simulator, prior and names of a configuration.
void take_config(const std::string& path, data::SimulateRequest& request) {
  const config::Value document = config::load_yaml(path);
  const experiment::Experiment experiment = experiment::read_experiment(document);
  request.simulator = experiment.simulator;
  request.prior = experiment.prior;
  request.theta_names = experiment.data.theta_names;
  request.x_names = experiment.data.x_names;
  if (experiment.simulator.command) return;
  if (!experiment.data.task) {
    throw core::UserError(path + ": simulator.command is missing; it names the program that simulates");
  }
  request.task = *experiment.data.task;
}

int simulate(const SimulateArguments& arguments) {
  if (arguments.task.empty() == arguments.config.empty()) {
    throw core::UserError("simulate needs either the name of a task or --config with a simulator section");
  }
  io::check_output(arguments.output.path, arguments.output.force, io::writable_extensions());
  if (!arguments.posterior_of.empty()) {
    if (arguments.task.empty()) throw core::UserError("--posterior needs a built-in task");
    write_exact_posterior(arguments, *data::make_task(arguments.task));
    return 0;
  }
  data::SimulateRequest request;
  request.output = arguments.output.path;
  request.force = arguments.output.force;
  request.simulations = arguments.count;
  request.seed = arguments.seed;
  if (!arguments.task.empty()) request.task = arguments.task;
  if (!arguments.config.empty()) take_config(arguments.config, request);
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
  app.add_option("task", arguments->task, "built-in task, for example two_moons");
  app.add_option("--config", arguments->config, "config with simulator.command and prior, instead of a task");
  app.add_option("-n,--count", arguments->count, "number of simulations, or of posterior draws for each row")
      ->required()
      ->check(above_zero());
  app.add_option("--seed", arguments->seed, "seed; row i depends only on the seed and i")
      ->capture_default_str();
  app.add_option("--workers", arguments->workers, "number of parallel workers (default: all threads)")
      ->check(above_zero());
  app.add_option("--posterior", arguments->posterior_of,
                 "instead, draw from the task's exact posterior for every observation of this file");
  add_output(app, arguments->output, ".npz, .h5, .csv or .npy file to write");
  return [arguments] { return simulate(*arguments); };
}

}  // namespace fluxsbi::app
