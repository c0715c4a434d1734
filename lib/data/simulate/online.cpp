#include "data/simulate/online.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "data/files/names.hpp"
#include "data/precision.hpp"
#include "data/simulate/command_prior.hpp"
#include "data/simulate/noise_check.hpp"
#include "data/simulate/simulate.hpp"
#include "data/simulate/simulation_stream.hpp"
#include "data/tasks/task.hpp"
#include "distributed/ranks.hpp"

namespace fluxsbi::data {

namespace {

constexpr int64_t task_piece = 256;  // rows: a batch should not wait for much more than itself

/// Whoever simulates, and what it says of its rows.
struct Source {
  StreamSetup setup;
  DataShape shape;  ///< x_dim is 0 where only a simulation can tell it
  PriorOptions prior;
  std::shared_ptr<CommandSimulator> command = {};  ///< the simulator, where it is a command
};

Source source_of_task(const DataOptions& options, uint64_t seed) {
  struct Parts {
    std::unique_ptr<Task> task;
    TaskSimulator simulator;
  };
  auto task = make_task(*options.task);
  const Task& made = *task;
  const auto parts = std::make_shared<Parts>(Parts{std::move(task), TaskSimulator(made, seed)});
  Source source;
  source.setup.prior = {parts, &made.prior()};
  source.setup.simulator = {parts, &parts->simulator};
  source.setup.name = "task " + *options.task;
  source.setup.piece_rows = task_piece;
  source.shape = made.shape();
  source.prior = made.prior().options();
  return source;
}

Source source_of_command(const DataOptions& options, const SimulatorOptions& simulator,
                         const PriorOptions& prior, uint64_t seed) {
  Source source;
  StreamSetup& setup = source.setup;
  setup.prior = command_prior(prior, std::ssize(options.theta_names));
  source.command = std::make_shared<CommandSimulator>(
      simulator, resolve_names(options.theta_names, "theta", setup.prior->dim()), seed,
      std::ssize(options.x_names), [ends = setup.ends] { return ends->load(); });
  setup.simulator = source.command;
  setup.name = "simulator.command";
  setup.piece_rows = simulator.batch;
  source.shape.theta_dim = setup.prior->dim();
  source.shape.x_dim = std::ssize(options.x_names);
  source.prior = setup.prior->options();
  return source;
}

Source make_source(const DataOptions& options, const SimulatorOptions& simulator, const PriorOptions& prior,
                   uint64_t seed) {
  const std::string problem = online_problem(options, simulator);
  if (!problem.empty()) throw core::UserError("data.online " + problem);
  Source source =
      options.task ? source_of_task(options, seed) : source_of_command(options, simulator, prior, seed);
  source.setup.seed = seed;
  source.setup.workers =
      static_cast<int>(simulator.workers.value_or(static_cast<int64_t>(core::usable_threads())));
  return source;
}

/// Warns of noise that repeats from piece to piece, and of noise that a seed does not repeat, which no resume
/// survives.
void check_noise(const Source& source, const SimulatorOptions& simulator) {
  if (!source.command || simulator.deterministic) return;
  const ThetaDraws draws(*source.setup.prior, source.setup.seed);
  const std::string problem = noise_problem(*source.command, simulator.batch, [&](int64_t row) {
    std::vector<double> theta(static_cast<size_t>(source.setup.prior->dim()));
    draws.draw(row, theta);
    return theta;
  });
  if (!problem.empty()) core::log::warning(problem);
}

/// The first rows, read in parts so that the progress line moves.
Dataset first_rows(SimulationStream& stream, const std::string& name, int64_t rows, int64_t part) {
  std::vector<double> all_theta, all_x, theta, x;
  for (int64_t row = 0; row < rows; row += part) {
    stream.read(row, std::min(part, rows - row), theta, x);
    all_theta.insert(all_theta.end(), theta.begin(), theta.end());
    all_x.insert(all_x.end(), x.begin(), x.end());
    core::log::progress(name + ": simulating before training " + std::to_string(row) + "/" +
                        std::to_string(rows));
  }
  core::log::end_progress();
  // Float32 where it is fine enough, as in a file of simulations.
  const bool wide_theta = !fits_single(all_theta),
             wide_x = coarse_in_single(all_x, static_cast<size_t>(std::ssize(all_x) / rows)).has_value();
  if (!wide_x) stream.round_x();
  const auto side = [&](const std::vector<double>& values, bool wide) {
    return rows_in_memory(array_of(values, {rows, std::ssize(values) / rows}, wide));
  };
  Dataset dataset;
  dataset.rows = std::make_shared<RowSource>(side(all_theta, wide_theta), side(all_x, wide_x));
  return dataset;
}

}  // namespace

std::string online_problem(const DataOptions& options, const SimulatorOptions& simulator) {
  if (options.file || !options.files.empty() || options.theta_file || options.x_file) {
    return "= true simulates while the model trains, but a file of simulations is named, too; remove the "
           "file from the section data, or set data.online: false";
  }
  if (options.task && simulator.command)
    return "= true, and both data.task and simulator.command could simulate; keep one of them";
  if (!options.task && !simulator.command) {
    return "= true, but nothing is there to simulate with; name a built-in task with data.task (--task), or "
           "give simulator.command and prior";
  }
  return {};
}

Dataset open_online(const DataOptions& options, const SimulatorOptions& simulator, const PriorOptions& prior,
                    uint64_t seed, const std::function<int()>& stop,
                    const std::shared_ptr<distributed::Communicator>& ranks) {
  Source source;
  distributed::together(*ranks, [&] {
    source = make_source(options, simulator, prior, seed);
    check_noise(source, simulator);
  });
  source.setup.stop = stop;
  source.setup.ranks = ranks;
  const std::string name = source.setup.name;
  const int64_t part = source.setup.piece_rows * source.setup.workers * ranks->size();
  auto stream = std::make_shared<SimulationStream>(std::move(source.setup));
  if (!options.task)
    core::log::info(name + ": simulates " + std::to_string(options.simulations) + " pairs before training");
  Dataset dataset = first_rows(*stream, name, options.simulations, part);
  dataset.stream = std::move(stream);
  dataset.shape = source.shape;
  dataset.shape.x_dim = dataset.rows->x().row_size() / dataset.shape.x_channels;
  complete(dataset, options);
  dataset.prior = source.prior;
  dataset.source = name + ", simulated while training";
  return dataset;
}

DataShape online_shape(const DataOptions& options, const SimulatorOptions& simulator,
                       const PriorOptions& prior) {
  Source source = make_source(options, simulator, prior, 0);
  if (source.shape.x_dim > 0) return source.shape;
  source.setup.workers = 1;
  std::vector<double> theta, x;
  SimulationStream(std::move(source.setup)).read(0, 1, theta, x);
  source.shape.x_dim = std::ssize(x);
  return source.shape;
}

}  // namespace fluxsbi::data
