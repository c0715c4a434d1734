#include "density_arguments.hpp"

#include <CLI/CLI.hpp>

#include "core/error.hpp"
#include "core/text.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

void add_density(CLI::App& app, DensityArguments& arguments) {
  app.add_option("model", arguments.model, "run folder or model.safetensors")->required();
  app.add_option("--atol", arguments.atol, "absolute tolerance of dopri5 (default: the config's)")
      ->check(above_zero());
  app.add_option("--rtol", arguments.rtol, "relative tolerance of dopri5 (default: the config's)")
      ->check(at_least_zero());
  app.add_option("--memory", arguments.memory_gb, "memory budget in GB, not counting the result")
      ->check(above_zero());
  app.add_option("--chunk", arguments.chunk,
                 "number of network evaluations that are computed at once "
                 "(default: as many as the memory budget allows)")
      ->check(above_zero());
  add_strict(app, arguments.strict);
  add_execution(app, arguments.execution);
  app.add_option("--compute", arguments.compute, "auto (float32 on a CPU), float32, bfloat16 or bfloat16x3")
      ->capture_default_str();
}

void add_prior(CLI::App& app, experiment::OtherPrior& prior, const std::string& what) {
  app.add_option("--prior", prior.file,
                 "a YAML file with another section prior than the model was trained under, of which " + what +
                     " shall be (docs/priors.md)");
  app.add_option("--min-effective", prior.least_effective,
                 "--prior: a row whose draws are worth fewer than this has NaN")
      ->check(above_zero())
      ->capture_default_str();
}

void fail_where_weak(bool strict, int64_t weak, int64_t rows, const std::string& written) {
  if (!strict || weak == 0) return;
  throw core::DiagnosticFailed("too few draws decide " + core::count_text(weak, "row") + " of " +
                               std::to_string(rows) + ", and --strict was given; " + written);
}

sample::SamplingOptions density_options(const DensityArguments& arguments, sample::SamplingOptions options) {
  if (arguments.atol) options.atol = *arguments.atol;
  if (arguments.rtol) options.rtol = *arguments.rtol;
  if (arguments.memory_gb) options.memory_gb = *arguments.memory_gb;
  if (arguments.chunk) options.chunk = *arguments.chunk;
  return options;
}

}  // namespace fluxsbi::app
