#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/observations.hpp"
#include "density_arguments.hpp"
#include "io/output.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct MapArguments : DensityArguments {
  sample::ModeOptions modes;
};

int map_command(const MapArguments& arguments) {
  io::check_output(arguments.output.path, arguments.output.force, sample::density_extensions());
  OpenModel model(arguments.model, arguments.execution, arguments.compute);
  const data::DataShape& shape = model.file.shape;
  if (shape.x_dim == 0) {
    throw core::UserError("--x " + arguments.x + ": " + arguments.model +
                          " was trained without x, but map finds the mode of theta given x");
  }
  const auto observations = data::load_observations(arguments.x, shape, model.file.x_names);
  const auto options = density_options(arguments, model.posterior.sampling());
  const double begin = core::steady_seconds();
  const sample::Modes found =
      model.posterior.find_modes(observations.x, observations.rows, arguments.seed, arguments.modes, options,
                                 show_progress("map", "rows"));
  core::log::end_progress();
  core::log::info(arguments.output.path + ": " + std::to_string(observations.rows) + " modes in " +
                  core::duration_text(core::steady_seconds() - begin) +
                  "; the ascent rose above the best of " + std::to_string(arguments.modes.draws) +
                  " samples for " + std::to_string(found.climbed));
  sample::SamplingOptions of_density = options;
  of_density.solver = "auto";
  sample::DensityOrigin origin = origin_of(model, of_density);
  origin.seed = arguments.seed;
  origin.given = model.file.x_names;
  sample::save_modes(arguments.output.path, found, shape.theta_channels, origin);
  return 0;
}

}  // namespace

Action declare_map(CLI::App& app) {
  auto arguments = std::make_shared<MapArguments>();
  add_density(app, *arguments);
  app.add_option("--x", arguments->x, "observations, one a row: .npz (x), .npy, .h5 (x) or .csv")->required();
  app.add_option("-n,--draws", arguments->modes.draws,
                 "number of samples for each row, from which the starting points are chosen")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--top", arguments->modes.top, "number of the best samples from which the ascent starts")
      ->check(above_zero())
      ->capture_default_str();
  app.add_option("--seed", arguments->seed, "seed of the samples")->capture_default_str();
  add_output(app, arguments->output, ".npz, .h5, .csv or .npy file to write");
  return [arguments] { return map_command(*arguments); };
}

}  // namespace fluxsbi::app
