#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "checkpoint/model_file.hpp"
#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "sample/posterior.hpp"
#include "sample/shard.hpp"

namespace fluxsbi::app {

namespace {

struct Arguments {
  std::string model, x, device = "auto", compute = "float32", shard = "0/1";
  std::string solver;
  std::optional<int64_t> steps, chunk;
  std::optional<double> memory_gb;
  bool no_reject = false;
  OutputArgument output;
  int64_t draws = 0;
  uint64_t seed = 0;
};

sample::SamplingOptions options_of(const Arguments& arguments, sample::SamplingOptions options) {
  if (!arguments.solver.empty()) {
    if (arguments.solver != "auto") sample::find_solver(arguments.solver);
    options.solver = arguments.solver;
    options.steps.reset();
  }
  if (arguments.steps) options.steps = arguments.steps;
  if (arguments.chunk) options.chunk = *arguments.chunk;
  if (arguments.memory_gb) options.memory_gb = *arguments.memory_gb;
  if (arguments.no_reject) options.reject = false;
  return options;
}

int sample_command(const Arguments& arguments) {
  check_output(arguments.output, sample::sample_extensions());
  const auto [index, count] = parse_shard(arguments.shard);
  std::string note;
  const std::string path = checkpoint::find_model(arguments.model, note);
  if (!note.empty()) core::log::warning(note);
  const checkpoint::ModelFile file = checkpoint::load_model(path);
  const auto observations = data::load_observations(arguments.x, file.shape, file.x_names);
  const sample::ShardRange range = sample::shard_range(observations.rows, index, count);

  set_up_threads();
  sample::Posterior posterior(file, arguments.device, arguments.compute);
  const auto options = options_of(arguments, posterior.sampling());
  const double begin = core::steady_seconds();
  const auto progress = [&](int64_t done, int64_t total) {
    const double seconds = core::steady_seconds() - begin;
    core::log::progress("sampling " + std::to_string(done) + "/" + std::to_string(total) + "  " +
                        std::to_string(static_cast<int64_t>(done / std::max(seconds, 1e-9))) + " samples/s  " +
                        core::duration_text(seconds / std::max<int64_t>(done, 1) * (total - done)) + " left");
  };
  const std::span<const float> all(observations.x);
  const auto rows = all.subspan(range.first * file.shape.cond_size(), range.count * file.shape.cond_size());
  const sample::Samples samples =
      posterior.sample(rows, range.count, arguments.draws, arguments.seed, range.first, options, progress);
  core::log::end_progress();
  const double seconds = core::steady_seconds() - begin;

  sample::SampleFile out;
  out.samples = samples;
  out.x.assign(rows.begin(), rows.end());
  out.theta_names = file.theta_names;
  out.x_names = file.x_names;
  out.seed = arguments.seed;
  out.model = sample::model_identity(file);
  out.first_row = range.first;
  out.total_rows = observations.rows;
  sample::save_samples(arguments.output.path, out);

  const int64_t total = samples.rows * samples.draws;
  int64_t missing = 0;
  for (const uint8_t filled : samples.filled) missing += filled ? 0 : 1;
  core::log::info("wrote " + arguments.output.path + ": samples [" + std::to_string(samples.rows) + ", " + std::to_string(samples.draws) +
                  ", ...] in " + core::duration_text(seconds) + ", " +
                  std::to_string(static_cast<int64_t>(total / std::max(seconds, 1e-9))) + " samples/s, " +
                  std::to_string(samples.evaluations) + " network evaluations a sample");
  if (samples.acceptance < 1) {
    core::log::info("inside the prior's support: " + core::number_text(std::round(samples.acceptance * 1e4) / 100) + " % of the draws; the others were redrawn");
  }
  if (missing > 0) {
    core::log::warning(std::to_string(missing) + " of " + std::to_string(total) +
                       " draws could not be filled (NaN, filled = false); raise sampling.max_tries or sampling.max_seconds, or train longer");
  }
  return 0;
}

}  // namespace

Action declare_sample(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("model", arguments->model, "run folder or model.safetensors")->required();
  app.add_option("--x", arguments->x, "observations: .npz (x), .npy, .h5 (x) or .csv; a row each")->required();
  app.add_option("-n,--draws", arguments->draws, "posterior samples for each observation")->required()->check(CLI::PositiveNumber);
  app.add_option("--seed", arguments->seed, "seed; a draw depends on seed, row and draw alone")->capture_default_str();
  app.add_option("--solver", arguments->solver, "auto, euler, midpoint, heun, rk4 or dopri5 (default: the config's)");
  app.add_option("--steps", arguments->steps, "steps of a fixed-step solver")->check(CLI::PositiveNumber);
  app.add_option("--shard", arguments->shard, "i/n: only the i-th of n contiguous parts of the rows, i from 0")->capture_default_str();
  app.add_option("--chunk", arguments->chunk, "draws computed at once (default: from the memory budget)")->check(CLI::PositiveNumber);
  app.add_option("--memory", arguments->memory_gb, "memory budget in GB beside the result")->check(CLI::PositiveNumber);
  app.add_option("--device", arguments->device, "auto, cpu, cuda or cuda:i")->capture_default_str();
  app.add_option("--compute", arguments->compute, "float32, bfloat16 or auto")->capture_default_str();
  app.add_flag("--no-reject", arguments->no_reject, "keep samples outside the prior's support");
  add_output(app, arguments->output, ".npz, .h5 or .npy to write");
  return [arguments] { return sample_command(*arguments); };
}

}  // namespace fluxsbi::app
