#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "density_arguments.hpp"
#include "experiment/densities.hpp"
#include "experiment/open_posterior.hpp"
#include "idle_options.hpp"
#include "io/output.hpp"
#include "io/overwritten_input.hpp"
#include "number_range.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct MapArguments : DensityArguments {
  std::string x_key;
  sample::ModeOptions modes;
  std::string dtype = "auto";
};

int map_command(const MapArguments& arguments, const CLI::App& command) {
  if (!arguments.prior.asked())
    refuse_idle(command, {"--min-effective"},
                "says when draws are worth too little under another prior; give --prior, or leave it out");
  io::check_output(arguments.output.path, arguments.output.force, sample::density_extensions());
  io::refuse_overwriting(arguments.output.path, {arguments.x, arguments.prior.file, arguments.model});
  const sample::NumberType number_type = sample::number_type(arguments.dtype, "--dtype");
  sample::Posterior posterior =
      experiment::open_posterior(arguments.model, arguments.execution, arguments.compute);
  const experiment::ModeOutcome outcome = experiment::modes_of_file(
      posterior,
      {arguments.model, file_with_key(arguments.x, arguments.x_key), arguments.strict, arguments.prior},
      arguments.seed, arguments.modes, density_options(arguments, posterior.sampling()),
      {arguments.output.path, arguments.output.force}, number_type, show_progress("map", "rows"));
  core::log::end_progress();
  core::log::info(arguments.output.path + ": " + std::to_string(outcome.rows) + " modes in " +
                  core::duration_text(outcome.seconds) + "; the ascent rose above the best of " +
                  std::to_string(arguments.modes.draws) + " samples for " + std::to_string(outcome.climbed));
  fail_where_weak(arguments.strict, outcome.weak, outcome.rows, arguments.output.path + " was written");
  return 0;
}

}  // namespace

Action declare_map(CLI::App& app) {
  auto arguments = std::make_shared<MapArguments>();
  add_density(app, *arguments);
  app.add_option("--x", arguments->x, "observations, one a row: .npz (x), .npy, .h5 (x) or text")->required();
  app.add_option("--x-key", arguments->x_key, "key of x in .npz, path of its dataset in .h5");
  app.add_option("-n,--draws", arguments->modes.draws,
                 "number of samples for each row, from which the starting points are chosen")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--top", arguments->modes.top, "number of the best samples from which the ascent starts")
      ->check(above_zero())
      ->capture_default_str();
  add_prior(app, arguments->prior, "the modes");
  add_seed(app, arguments->seed, "seed of the samples");
  app.add_option(
         "--dtype", arguments->dtype,
         "type of the modes in the file: float32, float64 or auto, which is float32 unless that cannot "
         "resolve a hundredth of the samples' spread; .csv files hold all digits")
      ->capture_default_str();
  add_output(app, arguments->output, ".npz, .h5, .csv or .npy file to write");
  return [arguments, &app] { return map_command(*arguments, app); };
}

}  // namespace fluxsbi::app
