#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/sampling.hpp"
#include "experiment/watch.hpp"
#include "idle_options.hpp"
#include "io/output.hpp"
#include "io/overwritten_input.hpp"
#include "number_range.hpp"
#include "sample/files/sample_file.hpp"
#include "sample/solver/solver.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct SampleArguments {
  std::string watch, model, x, x_key, given, compute = "float32", shard = "0/1", dtype = "auto", extension;
  experiment::Execution execution;
  std::string solver;
  std::optional<int64_t> steps, chunk;
  std::optional<double> memory_gb, guidance_scale, guidance_min, guidance_max;
  std::vector<std::string> assignments;
  bool no_reject = false, strict = false, partial = false, json = false;
  OutputArgument output;
  int64_t draws = 0;
  uint64_t seed = 0;
  std::string prior, likelihood, choice = "resample";
  experiment::WeighingOptions weighing;
  bool together = false;
};

// What --set says about the section `sampling`.
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
  const sample::SolverRow* solver = sample::chosen_solver(options.solver);
  if (arguments.steps && solver != nullptr && solver->adaptive)
    throw core::UserError("--steps: " + options.solver +
                          " chooses its own steps from its tolerances; name a fixed-step --solver");
  if (options.guidance_scale == 1 && (arguments.guidance_min || arguments.guidance_max))
    throw core::UserError(
        "--guidance-min and --guidance-max limit guidance, which a scale of 1 switches off; "
        "give --guidance-scale, too, or leave them out");
  return options;
}

void report(const experiment::SamplingOutcome& found, int64_t draws, const std::string& path) {
  const auto total = static_cast<double>(found.rows * draws);
  core::log::info(path + ": " + std::to_string(found.rows) + " x " + std::to_string(draws) + " samples in " +
                  core::duration_text(found.seconds) + ", " +
                  std::to_string(static_cast<int64_t>(total / std::max(found.seconds, 1e-9))) +
                  " samples/s, " + std::to_string(found.evaluations) + " network evaluations a sample");
  if (found.acceptance < 1) {
    core::log::info(
        "inside the prior's support: " + core::number_text(std::round(found.acceptance * 1e4) / 100) +
        " % of the draws; the others were drawn again");
  }
}

// Options that say what a single command draws have no place beside --watch.
void refuse_beside_watch(const SampleArguments& arguments) {
  const std::pair<bool, const char*> others[] = {{!arguments.x.empty(), "--x"},
                                                 {!arguments.given.empty(), "--given"},
                                                 {arguments.shard != SampleArguments().shard, "--shard"},
                                                 {arguments.strict, "--strict"},
                                                 {arguments.together, "--together"},
                                                 {!arguments.prior.empty(), "--prior"},
                                                 {!arguments.likelihood.empty(), "--likelihood"},
                                                 {arguments.json, "--json"}};
  for (const auto& [given, name] : others) {
    if (given)
      throw core::UserError(std::string(name) +
                            " and --watch exclude each other: observations come one by "
                            "one; leave " +
                            name + " out");
  }
}

experiment::WeighingOptions weighing_of(const SampleArguments& arguments) {
  experiment::WeighingOptions weighing = arguments.weighing;
  weighing.chain = arguments.choice == "metropolis";
  return weighing;
}

int watch_command(const SampleArguments& arguments) {
  refuse_beside_watch(arguments);
  const std::string& folder = arguments.output.path;
  const bool lines = arguments.watch == "-";
  std::error_code ignored;
  if (!lines && folder.empty())
    throw core::UserError("--watch " + arguments.watch + " needs a folder for the results: -o FOLDER");
  if (!folder.empty() && !std::filesystem::is_directory(folder, ignored))
    throw core::UserError("-o " + folder +
                          ": with --watch it is a folder, which must exist; create it first");
  const sample::NumberType number_type = sample::number_type(arguments.dtype, "--dtype");
  sample::Posterior posterior =
      experiment::open_posterior(arguments.model, arguments.execution, arguments.compute);
  const experiment::WatchRequest request{
      arguments.model,
      folder,
      arguments.draws,
      arguments.seed,
      arguments.output.force,
      arguments.partial,
      number_type,
      arguments.extension.empty() ? sample::sample_extensions().front() : arguments.extension};
  const sample::SamplingOptions options = options_of(arguments, posterior);
  if (!lines) experiment::watch_folder(posterior, request, options, arguments.watch);
  const auto outcome = experiment::watch_lines(posterior, request, options, STDIN_FILENO, std::cout);
  core::log::info(core::count_text(outcome.answered, "observation") + " answered, " +
                  std::to_string(outcome.refused) + " refused");
  return 0;
}

// Options that say the same twice, or would do nothing.
void check_arguments(const SampleArguments& arguments, const CLI::App& command) {
  const std::pair<const char*, const char*> keys[] = {{"--solver", "solver"},
                                                      {"--steps", "steps"},
                                                      {"--chunk", "chunk"},
                                                      {"--memory", "memory_gb"},
                                                      {"--guidance-scale", "guidance_scale"},
                                                      {"--guidance-min", "guidance_min"},
                                                      {"--guidance-max", "guidance_max"},
                                                      {"--no-reject", "reject"}};
  for (const std::string& assignment : arguments.assignments) {
    for (const auto& [option, key] : keys) {
      const std::string name = std::string("sampling.") + key;
      if (core::trimmed(assignment.substr(0, assignment.find('='))) == name)
        refuse_idle(command, {option}, "and --set " + name + " say the same; leave one of them out");
    }
  }
  if (arguments.prior.empty() && arguments.likelihood.empty())
    refuse_idle(
        command, {"--choose", "--pool", "--min-effective"},
        "says how draws are weighed, which --prior and --likelihood ask for; give one of these, or leave "
        "it out");
}

int sample_command(const SampleArguments& arguments, const CLI::App& command) {
  check_arguments(arguments, command);
  if (arguments.x.empty()) warn_idle(command, {"--x-key"}, "names the array of --x, which is not given");
  if (!arguments.watch.empty()) return watch_command(arguments);
  if (!arguments.extension.empty())
    throw core::UserError("--extension is that of the results of --watch; name the file by -o with its own");
  if (arguments.output.path.empty())
    throw core::UserError("-o is missing: name the .npz, .h5 or .npy file to write");
  const sample::Shard shard = sample::parse_shard(arguments.shard);
  const std::string output = sample::output_of_shard(arguments.output.path, arguments.shard, shard);
  io::check_output(output, arguments.output.force, sample::sample_extensions());
  io::refuse_overwriting(
      output, {arguments.x, arguments.given, arguments.prior, arguments.likelihood, arguments.model});
  const sample::NumberType number_type = sample::number_type(arguments.dtype, "--dtype");
  experiment::Execution execution = arguments.execution;
  if (arguments.shard == "auto") execution.device = experiment::device_of_process(execution.device);
  sample::Posterior posterior = experiment::open_posterior(arguments.model, execution, arguments.compute);
  const experiment::SamplingRequest request{arguments.model,
                                            file_with_key(arguments.x, arguments.x_key),
                                            arguments.given,
                                            output,
                                            arguments.draws,
                                            arguments.seed,
                                            shard,
                                            arguments.output.force,
                                            arguments.strict,
                                            arguments.partial,
                                            number_type,
                                            arguments.prior,
                                            arguments.likelihood,
                                            weighing_of(arguments),
                                            arguments.together};
  const auto outcome = experiment::sample_to_file(posterior, request, options_of(arguments, posterior),
                                                  show_progress("sampling", "samples"));
  core::log::end_progress();
  report(outcome, arguments.draws, output);
  if (arguments.json) {
    std::cout << nlohmann::ordered_json{{"rows", outcome.rows},
                                        {"draws", arguments.draws},
                                        {"evaluations", outcome.evaluations},
                                        {"acceptance", outcome.acceptance},
                                        {"seconds", outcome.seconds}}
                     .dump()
              << "\n";
  }
  return 0;
}

}  // namespace

Action declare_sample(CLI::App& app) {
  auto arguments = std::make_shared<SampleArguments>();
  app.add_option("model", arguments->model, "run folder or model.safetensors")->required();
  app.add_option("--x", arguments->x,
                 "observations, one a row: .npz (x), .npy, .h5 (x) or text; the samples are of theta");
  app.add_option("--x-key", arguments->x_key, "key of x in .npz, path of its dataset in .h5");
  app.add_option(
      "--given", arguments->given,
      "joint models (flux1joint, simformer): a .csv file with any of the columns of theta and x, "
      "in which each row is a question: blank cells are inferred given the others (or .npz, .h5: theta, x or "
      "given, with NaN). The samples "
      "hold all columns and repeat what is given. With neither --x nor --given a joint model "
      "draws its joint distribution");
  app.add_option("-n,--draws", arguments->draws, "number of samples for each row")
      ->required()
      ->check(above_zero());
  add_seed(app, arguments->seed, "seed; a draw depends only on the seed, its row and its number");
  app.add_option("--solver", arguments->solver,
                 core::join(sample::solver_choices()) + " (default: the config's)");
  app.add_option("--steps", arguments->steps, "number of steps of a fixed-step solver")
      ->check(solver_steps());
  app.add_option("--set", arguments->assignments,
                 "sampling.key=value, for any option of the section sampling (docs/config.md); may be "
                 "repeated");
  app.add_option(
         "--shard", arguments->shard,
         "i/n: sample only the i-th of n contiguous parts of the rows, with i counted from 0; auto: "
         "the part of this process among those of srun, mpirun, torchrun or a SLURM array, into a file "
         "whose name says which (post.2-of-8.npz for -o post.npz)")
      ->capture_default_str();
  app.add_option("--chunk", arguments->chunk,
                 "number of draws that are computed at once (default: as many as the memory budget allows)")
      ->check(above_zero());
  app.add_option("--memory", arguments->memory_gb,
                 "memory budget in GB of what is computed at once; the result is written while it is drawn")
      ->check(above_zero());
  app.add_option(
         "--guidance-scale", arguments->guidance_scale,
         "weight of the observation, for models trained with strategy.condition_drop_rate: 1 switches "
         "guidance off, above 1 strengthens the observation")
      ->check(at_least_zero());
  app.add_option("--guidance-min", arguments->guidance_min, "guide only noise levels from this one on")
      ->check(at_least_zero());
  app.add_option("--guidance-max", arguments->guidance_max, "guide only noise levels up to this one")
      ->check(above_zero());
  app.add_option("--watch", arguments->watch,
                 "keep the model loaded and answer observations as they come: - for lines of JSON or of "
                 "numbers on the standard input, each of which is answered with a line of JSON; or a folder "
                 "of files (.npy, .npz, .h5, .csv, .json), with -o FOLDER for the results (docs/cluster.md)");
  app.add_option("--extension", arguments->extension,
                 "of the results of --watch in a folder: " + core::join(sample::sample_extensions()) +
                     " (default: " + sample::sample_extensions().front() + ")")
      ->check(CLI::IsMember(sample::sample_extensions()));
  add_execution(app, arguments->execution);
  app.add_option("--compute", arguments->compute, "auto (float32 on a CPU), float32, bfloat16 or bfloat16x3")
      ->capture_default_str();
  app.add_option("--dtype", arguments->dtype,
                 "type of the samples in the file: float32, float64 or auto, which is float32 unless that "
                 "cannot resolve a hundredth of the spread of a row's draws")
      ->capture_default_str();
  app.add_flag("--together", arguments->together,
               "all rows of --x are observations of one theta, independent given theta: samples are of its "
               "posterior given all of them (docs/together.md)");
  app.add_option("--prior", arguments->prior,
                 "a YAML file with another section prior than the model was trained under, which the samples "
                 "shall have: draws are weighed and chosen (docs/priors.md)");
  app.add_option(
      "--likelihood", arguments->likelihood,
      "correct the network's draws by the likelihood: the name of a task, a YAML file with "
      "likelihood.command, or model, what a joint model knows of p(x | theta); draws are weighed and "
      "chosen (docs/corrected.md)");
  app.add_option("--choose", arguments->choice,
                 "--prior, --likelihood: how weighed draws are chosen, resample or metropolis (a chain whose "
                 "proposals they are)")
      ->check(CLI::IsMember({"resample", "metropolis"}))
      ->capture_default_str();
  app.add_option("--pool", arguments->weighing.pool, "--prior, --likelihood: draws for each one that is kept")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--min-effective", arguments->weighing.least_effective,
                 "--prior, --likelihood: a row whose draws are worth fewer than this holds NaN")
      ->check(above_zero())
      ->capture_default_str();
  app.add_flag("--no-reject", arguments->no_reject, "keep samples outside the prior's support");
  app.add_flag("--partial", arguments->partial,
               "write the file even where not one sample lies inside the prior's support; it then holds NaN");
  app.add_flag(
      "--json", arguments->json,
      "print one JSON object: rows, draws, evaluations of the network for a draw, acceptance, seconds");
  add_strict(app, arguments->strict);
  add_output(app, arguments->output, ".npz, .h5 or .npy file to write; with --watch a folder of results",
             /*required=*/false);
  return [arguments, &app] { return sample_command(*arguments, app); };
}

}  // namespace fluxsbi::app
