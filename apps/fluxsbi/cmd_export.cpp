#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/log.hpp"
#include "exchange/export.hpp"
#include "io/overwritten_input.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct ExportArguments {
  exchange::Sources sources;
  OutputArgument output;
  bool draws_first = false;
};

int export_command(const ExportArguments& arguments) {
  const exchange::Target target{arguments.output.path, arguments.output.force, arguments.draws_first};
  exchange::check_target(target);
  const exchange::Sources& read = arguments.sources;
  io::refuse_overwriting(target.path, {read.samples, read.samples + "/samples.npz", read.log_prob,
                                       read.weights, read.prior, read.predictive, read.pit});
  for (const std::string& line : exchange::write_content(exchange::collect(arguments.sources), target))
    core::log::info("wrote " + line);
  return 0;
}

}  // namespace

Action declare_export(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  exchange::Sources& sources = arguments->sources;
  app.add_option(
         "samples", sources.samples,
         "file of samples (.npz, .h5, .npy, .csv), or a run folder that holds samples.npz or samples.h5")
      ->required();
  app.add_option("--row", sources.row,
                 "one observation of 'samples' [rows, n, d], counted from 0 (default: all)")
      ->check(at_least_zero());
  app.add_option("--columns", sources.columns,
                 "parameters to write, by name or by number from 0, such as mass,spin or 0,3 (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--log-prob", sources.log_prob,
                 "log-density of each draw, as log-prob --theta SAMPLES writes it");
  app.add_option("--weights", sources.weights, "weight of each draw: 'weight' [rows, n] or [n]");
  app.add_option("--prior", sources.prior,
                 "draws of the prior [n, d], or a run folder or model, whose prior is drawn from");
  app.add_option("--predictive", sources.predictive,
                 "simulations at the draws, as simulate --theta SAMPLES writes them");
  app.add_option(
      "--pit", sources.pit,
      "'pit' [pairs, d]: ranks of true parameters among draws, between 0 and 1 (default: of a run folder, "
      "its diagnostics')");
  app.add_flag("--draws-first", arguments->draws_first,
               ".npz: axes [draws, rows, d], as tarp, sbi and GenSBI take them");
  add_output(app, arguments->output, ".nc (ArviZ, xarray), .csv, .txt (getdist) or .npz file to write");
  return [arguments] { return export_command(*arguments); };
}

}  // namespace fluxsbi::app
