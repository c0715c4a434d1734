#include "density_arguments.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"

namespace fluxsbi::app {

namespace {

checkpoint::ModelFile load(const std::string& model) {
  std::string note;
  const std::string path = checkpoint::find_model(model, note);
  if (!note.empty()) core::log::warning(note);
  return checkpoint::load_model(path);
}

}  // namespace

void add_density(CLI::App& app, DensityArguments& arguments) {
  app.add_option("model", arguments.model, "run folder or model.safetensors")->required();
  app.add_option("--atol", arguments.atol, "absolute tolerance of dopri5 (default: the config's)")
      ->check(CLI::PositiveNumber);
  app.add_option("--rtol", arguments.rtol, "relative tolerance of dopri5 (default: the config's)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--memory", arguments.memory_gb, "memory budget in GB beside the result")
      ->check(CLI::PositiveNumber);
  app.add_option("--chunk", arguments.chunk, "network evaluations at once (default: from the memory budget)")
      ->check(CLI::PositiveNumber);
  add_execution(app, arguments.execution);
  app.add_option("--compute", arguments.compute, "float32, bfloat16 or auto")->capture_default_str();
}

sample::SamplingOptions density_options(const DensityArguments& arguments, sample::SamplingOptions options) {
  if (arguments.atol) options.atol = *arguments.atol;
  if (arguments.rtol) options.rtol = *arguments.rtol;
  if (arguments.memory_gb) options.memory_gb = *arguments.memory_gb;
  if (arguments.chunk) options.chunk = *arguments.chunk;
  return options;
}

OpenModel::OpenModel(const DensityArguments& arguments)
    : file(load(arguments.model)),
      posterior((set_up_threads(), file), arguments.execution.device, arguments.compute,
                arguments.execution.engine) {
  core::log::info(posterior.execution());
}

sample::Progress show_rows(const std::string& what) {
  return [what, begin = core::steady_seconds()](int64_t done, int64_t total) {
    const double rate = static_cast<double>(done) / std::max(core::steady_seconds() - begin, 1e-9);
    core::log::progress(what + " " + std::to_string(done) + "/" + std::to_string(total) + "  " +
                        core::duration_text(static_cast<double>(total - done) / std::max(rate, 1e-9)) +
                        " left");
  };
}

sample::DensityOrigin origin_of(const OpenModel& model, const sample::SamplingOptions& options) {
  const sample::SolverRow& solver = sample::density_solver(options.solver);
  sample::DensityOrigin origin;
  origin.model = model.posterior.identity();
  origin.solver = solver.name;
  origin.atol = options.atol;
  origin.rtol = options.rtol;
  if (!solver.adaptive) origin.steps = options.steps.value_or(solver.default_steps);
  origin.theta_names = model.file.theta_names;
  origin.x_names = model.file.x_names;
  return origin;
}

}  // namespace fluxsbi::app
