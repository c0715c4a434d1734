#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/log.hpp"
#include "diagnose/samples.hpp"
#include "io/output.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"

namespace fluxsbi::app {

namespace {

struct PlotArguments {
  std::string input, reference, title;
  std::vector<double> truth;
  int64_t row = -1;
  OutputArgument output;
};

int plot(const PlotArguments& arguments) {
  io::check_output(arguments.output.path, arguments.output.force, {".png", ".svg"});
  if (std::filesystem::is_directory(arguments.input)) {
    report::TrainingCurves curves = report::read_metrics(arguments.input + "/metrics.jsonl");
    curves.title = arguments.title;
    report::draw_curves(curves, arguments.output.path);
  } else {
    const auto samples = diagnose::load_samples(arguments.input, arguments.row);
    diagnose::SampleSet reference;
    report::CornerPlot corner;
    corner.names = samples.columns;
    for (int64_t i = static_cast<int64_t>(corner.names.size()); i < samples.dimensions; ++i) {
      corner.names.push_back("theta_" + std::to_string(i));
    }
    corner.samples = {"posterior", samples.values};
    if (!arguments.reference.empty()) {
      reference = diagnose::load_samples(arguments.reference, arguments.row);
      corner.reference = {"reference", reference.values};
    }
    corner.truth = arguments.truth;
    corner.title = arguments.title;
    report::draw_corner(corner, arguments.output.path);
  }
  core::log::info("wrote " + arguments.output.path);
  return 0;
}

}  // namespace

Action declare_plot(CLI::App& app) {
  auto arguments = std::make_shared<PlotArguments>();
  app.add_option("input", arguments->input,
                 "file of samples (.npz, .h5, .npy, .csv), or a run folder, whose training curves are drawn")
      ->required();
  app.add_option("--row", arguments->row,
                 "index of the observation in 'samples' [rows, n, d], counted from 0");
  app.add_option("--reference", arguments->reference, "file of reference samples to draw beside them");
  app.add_option("--truth", arguments->truth, "true parameters, one for each dimension")->delimiter(',');
  app.add_option("--title", arguments->title, "title of the picture");
  add_output(app, arguments->output, ".png or .svg file to write");
  return [arguments] { return plot(*arguments); };
}

}  // namespace fluxsbi::app
