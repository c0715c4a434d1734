#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/given.hpp"
#include "data/files/observations.hpp"
#include "io/output.hpp"
#include "number_range.hpp"
#include "open_model.hpp"
#include "sample/sample_file.hpp"
#include "sample/shard.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::app {

namespace {

struct SampleArguments {
  std::string model, x, given, compute = "float32", shard = "0/1";
  experiment::Execution execution;
  std::string solver;
  std::optional<int64_t> steps, chunk;
  std::optional<double> memory_gb, guidance_scale, guidance_min, guidance_max;
  std::vector<std::string> assignments;
  bool no_reject = false;
  OutputArgument output;
  int64_t draws = 0;
  uint64_t seed = 0;
};

// What --set says of the section `sampling`.
void assign(const std::vector<std::string>& assignments, const sample::Posterior& posterior,
            sample::SamplingOptions& options) {
  config::Value document = config::parse_yaml("", "command line");
  for (const std::string& assignment : assignments) config::set_from_command_line(document, assignment);
  config::Reader reader(document);
  reader.read(sample::sampling_table(), options);
  sample::check(options, posterior.method(), posterior.strategy(), reader);
  reader.finish();
}

sample::SamplingOptions options_of(const SampleArguments& arguments, const sample::Posterior& posterior) {
  sample::SamplingOptions options = posterior.sampling();
  if (!arguments.solver.empty()) {
    sample::chosen_solver(arguments.solver);  // refuses an unknown name
    options.solver = arguments.solver;
    options.steps.reset();
  }
  if (arguments.steps) options.steps = arguments.steps;
  if (arguments.chunk) options.chunk = *arguments.chunk;
  if (arguments.memory_gb) options.memory_gb = *arguments.memory_gb;
  if (arguments.guidance_scale) options.guidance_scale = *arguments.guidance_scale;
  if (arguments.guidance_min) options.guidance_min = *arguments.guidance_min;
  if (arguments.guidance_max) options.guidance_max = arguments.guidance_max;
  if (arguments.no_reject) options.reject = false;
  assign(arguments.assignments, posterior, options);
  return options;
}

void report(const sample::Samples& samples, const std::string& path, double seconds) {
  const int64_t total = samples.rows * samples.draws;
  core::log::info(path + ": " + std::to_string(samples.rows) + " x " + std::to_string(samples.draws) +
                  " samples in " + core::duration_text(seconds) + ", " +
                  std::to_string(static_cast<int64_t>(static_cast<double>(total) / std::max(seconds, 1e-9))) +
                  " samples/s, " + std::to_string(samples.evaluations) + " network evaluations a sample");
  if (samples.acceptance() < 1) {
    core::log::info(
        "inside the prior's support: " + core::number_text(std::round(samples.acceptance() * 1e4) / 100) +
        " % of the draws; the others were drawn again");
  }
}

// What the samples of each row are asked for, of all shards.
struct Rows {
  sample::Question::Kind kind = sample::Question::Kind::x;
  int64_t rows = 0;
  std::vector<float> values;  // [rows, tokens, channels]
};

// --x or --given; for a joint model neither of them, which asks for the joint distribution.
Rows read_rows(const SampleArguments& arguments, const checkpoint::ModelFile& file,
               const sample::Posterior& posterior) {
  const bool joint = posterior.joint();
  if (!arguments.x.empty() && !arguments.given.empty())
    throw core::UserError("--x and --given exclude each other: --given holds the observations, too");
  if (!arguments.given.empty()) {
    if (!joint) {
      throw core::UserError("--given " + arguments.given + ": " + arguments.model +
                            " cannot answer blanks: it was trained for theta given x; use --x, or train "
                            "flux1joint or simformer");
    }
    data::Given given =
        data::load_given(arguments.given, file.shape, file.theta_names, file.x_names, posterior.prior());
    if (!given.absent.empty()) {
      core::log::info(arguments.given + " has no column " + core::join(given.absent) +
                      ": inferred in all rows");
    }
    return {sample::Question::Kind::given, given.rows, std::move(given.values)};
  }
  if (!arguments.x.empty()) {
    if (file.shape.x_dim == 0) {
      throw core::UserError("--x " + arguments.x + ": " + arguments.model +
                            " was trained without x; leave --x out to draw theta");
    }
    auto observations = data::load_observations(arguments.x, file.shape, file.x_names);
    return {sample::Question::Kind::x, observations.rows, std::move(observations.x)};
  }
  if (!joint) {
    throw core::UserError("--x is missing: " + arguments.model +
                          " draws theta given x; name the file of the observations");
  }
  core::log::info("neither --x nor --given: drawing the joint distribution of " +
                  core::join(data::joint_names(file.theta_names, file.x_names)));
  data::Given nothing = data::nothing_given(file.shape);
  return {sample::Question::Kind::given, nothing.rows, std::move(nothing.values)};
}

int sample_command(const SampleArguments& arguments) {
  io::check_output(arguments.output.path, arguments.output.force, sample::sample_extensions());
  const sample::Shard shard = sample::parse_shard(arguments.shard);
  OpenModel model(arguments.model, arguments.execution, arguments.compute);
  const checkpoint::ModelFile& file = model.file;
  sample::Posterior& posterior = model.posterior;
  const auto options = options_of(arguments, posterior);
  const Rows all = read_rows(arguments, file, posterior);
  const sample::RowRange range = sample::rows_of_shard(shard, all.rows);

  const bool given = all.kind == sample::Question::Kind::given;
  sample::Question question{all.kind, {}, file.shape.x_dim, file.shape.x_channels};
  if (given) question.tokens += file.shape.theta_dim;
  const int64_t size = question.tokens * question.channels;
  question.values = std::span<const float>(all.values).subspan(range.first * size, range.rows * size);
  const double begin = core::steady_seconds();
  const auto draw = given ? &sample::Posterior::sample_given : &sample::Posterior::sample;
  sample::Samples samples = (posterior.*draw)(question.values, range.rows, arguments.draws, arguments.seed,
                                              range.first, options, show_progress("sampling", "samples"));
  core::log::end_progress();
  report(samples, arguments.output.path, core::steady_seconds() - begin);

  sample::Origin origin;
  origin.seed = arguments.seed;
  origin.model = posterior.identity();
  origin.first_row = range.first;
  origin.total_rows = all.rows;
  origin.shard = shard;
  origin.theta_names = file.theta_names;
  origin.x_names = file.x_names;
  sample::save_samples(arguments.output.path, std::move(samples), question, origin);
  return 0;
}

}  // namespace

Action declare_sample(CLI::App& app) {
  auto arguments = std::make_shared<SampleArguments>();
  app.add_option("model", arguments->model, "run folder or model.safetensors")->required();
  app.add_option("--x", arguments->x,
                 "observations: .npz (x), .npy, .h5 (x) or .csv; a row each. Samples are of theta");
  app.add_option("--given", arguments->given,
                 "joint models (flux1joint, simformer): .csv with any of the columns of theta and x; blank "
                 "cells are inferred given the others, row by row. Samples are of all columns, with what is "
                 "given repeated. With neither --x nor --given a joint model draws its joint distribution");
  app.add_option("-n,--draws", arguments->draws, "samples for each row")->required()->check(above_zero());
  app.add_option("--seed", arguments->seed, "seed; a draw depends on seed, row and draw alone")
      ->capture_default_str();
  app.add_option("--solver", arguments->solver,
                 core::join(sample::solver_choices()) + " (default: the config's)");
  app.add_option("--steps", arguments->steps, "steps of a fixed-step solver")->check(above_zero());
  app.add_option("--set", arguments->assignments,
                 "sampling.key=value, for any option of sampling (docs/config.md); may be repeated");
  app.add_option("--shard", arguments->shard,
                 "i/n: only the i-th of n contiguous parts of the rows, i from 0")
      ->capture_default_str();
  app.add_option("--chunk", arguments->chunk, "draws computed at once (default: from the memory budget)")
      ->check(above_zero());
  app.add_option("--memory", arguments->memory_gb, "memory budget in GB beside the result")
      ->check(above_zero());
  app.add_option(
         "--guidance-scale", arguments->guidance_scale,
         "weight of the observation, for models trained with strategy.condition_drop_rate: 1 off, above 1 "
         "more of it")
      ->check(at_least_zero());
  app.add_option("--guidance-min", arguments->guidance_min, "noise levels below are not guided")
      ->check(at_least_zero());
  app.add_option("--guidance-max", arguments->guidance_max, "noise levels above are not guided")
      ->check(above_zero());
  add_execution(app, arguments->execution);
  app.add_option("--compute", arguments->compute, "float32, bfloat16 or auto")->capture_default_str();
  app.add_flag("--no-reject", arguments->no_reject, "keep samples outside the prior's support");
  add_output(app, arguments->output, ".npz, .h5 or .npy to write");
  return [arguments] { return sample_command(*arguments); };
}

}  // namespace fluxsbi::app
