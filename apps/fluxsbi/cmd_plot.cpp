#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "config/reader.hpp"
#include "config/rules.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "data/prior/prior.hpp"
#include "diagnose/samples.hpp"
#include "io/output.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"

namespace fluxsbi::app {

namespace {

constexpr int64_t usual_dimensions = 12;  // larger plots are drawn where --columns asks for them

struct PlotArguments {
  std::string input, reference, title, prior;
  std::vector<std::string> columns;
  std::vector<double> truth;
  int64_t row = -1;
  OutputArgument output;
};

// With a name for each dimension, so that all can be chosen by name.
diagnose::SampleSet load_named(const std::string& path, int64_t row) {
  diagnose::SampleSet set = diagnose::load_samples(path, row);
  for (int64_t i = std::ssize(set.columns); i < set.dimensions; ++i)
    set.columns.push_back("theta_" + std::to_string(i));
  return set;
}

// Numbers of the dimensions that are drawn, as words: those of --columns, else the first that a plot shows.
std::vector<std::string> columns_to_draw(const PlotArguments& arguments, const diagnose::SampleSet& samples) {
  if (!arguments.columns.empty()) return arguments.columns;
  const auto shown = std::min<int64_t>(samples.dimensions, usual_dimensions);
  if (shown < samples.dimensions) {
    core::log::warning("the plot shows the first " + std::to_string(shown) + " of " +
                       std::to_string(samples.dimensions) +
                       " parameters; --columns chooses others or more of them");
  }
  std::vector<std::string> numbers;
  for (int64_t i = 0; i < shown; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

// The reference's dimensions: all where it has as many as are drawn, else those of the same name or number.
diagnose::SampleSet load_reference(const PlotArguments& arguments, const std::vector<std::string>& columns) {
  diagnose::SampleSet reference = load_named(arguments.reference, arguments.row);
  if (reference.dimensions == std::ssize(columns)) return reference;
  return diagnose::with_columns(reference, columns);
}

// One of the numbers 0, 1, ... of all dimensions for each that is drawn.
std::vector<size_t> numbers_of(const diagnose::SampleSet& all, const std::vector<std::string>& columns) {
  diagnose::SampleSet numbers{all.name, 1, all.dimensions, {}, all.columns, 0};
  for (int64_t i = 0; i < all.dimensions; ++i) numbers.values.push_back(static_cast<double>(i));
  const auto picked = diagnose::with_columns(numbers, columns);
  return {picked.values.begin(), picked.values.end()};
}

std::unique_ptr<data::Prior> load_prior(const std::string& path, int64_t dimensions) {
  const config::Value document =
      config::load_yaml(std::filesystem::is_directory(path) ? path + "/config.yaml" : path);
  data::PriorOptions options;
  config::Reader reader(document);
  reader.read(data::prior_table(), options);
  data::resolve(options, reader);
  reader.finish_part();
  if (options.kind == data::PriorKind::none || options.kind == data::PriorKind::custom) {
    throw core::UserError(
        "--prior " + path + ": prior.kind = " + config::name_of(options.kind) +
        " has no density to draw; give a run or a config with another kind, or leave --prior out");
  }
  return data::make_prior(options, dimensions);
}

// The density of a component as a curve of steps, of as much probability each: exact but for their width.
std::vector<std::pair<double, double>> density_curve(const data::Prior& prior, size_t component) {
  constexpr int steps = 400;
  constexpr double least = 1e-4;  // what is left out at each end
  std::vector<std::pair<double, double>> curve;
  double from = prior.quantile(component, least);
  curve.emplace_back(from, 0);
  for (int step = 1; step <= steps; ++step) {
    const double to = prior.quantile(component, least + (1 - 2 * least) * step / steps);
    if (!(to > from)) continue;
    const double density = (1 - 2 * least) / steps / (to - from);
    curve.emplace_back(from, density);
    curve.emplace_back(to, density);
    from = to;
  }
  curve.emplace_back(from, 0);
  return curve;
}

// The true values of the dimensions that are drawn; they may be given for all.
std::vector<double> truth_of(const PlotArguments& arguments, const diagnose::SampleSet& all,
                             const std::vector<std::string>& columns) {
  if (std::ssize(arguments.truth) != all.dimensions) return arguments.truth;
  diagnose::SampleSet one{"--truth", 1, all.dimensions, {}, all.columns, 0};
  one.values.assign(arguments.truth.begin(), arguments.truth.end());
  const auto picked = diagnose::with_columns(one, columns);
  return {picked.values.begin(), picked.values.end()};
}

void plot_samples(const PlotArguments& arguments) {
  const diagnose::SampleSet all = load_named(arguments.input, arguments.row);
  const auto columns = columns_to_draw(arguments, all);
  const diagnose::SampleSet samples = diagnose::with_columns(all, columns);
  diagnose::SampleSet reference;
  report::CornerPlot corner;
  corner.names = samples.columns;
  corner.samples = {"posterior", samples.values};
  if (!arguments.reference.empty()) {
    reference = load_reference(arguments, columns);
    corner.reference = {"reference", reference.values};
  }
  corner.truth = truth_of(arguments, all, columns);
  corner.title = arguments.title;
  if (!arguments.prior.empty()) {
    const auto prior = load_prior(arguments.prior, all.dimensions);
    for (const size_t component : numbers_of(all, columns))
      corner.prior.push_back(density_curve(*prior, component));
  }
  report::draw_corner(corner, arguments.output.path);
}

int plot(const PlotArguments& arguments) {
  io::check_output(arguments.output.path, arguments.output.force, {".png", ".svg"});
  if (std::filesystem::is_directory(arguments.input)) {
    report::TrainingCurves curves = report::read_metrics(arguments.input + "/metrics.jsonl");
    curves.title = arguments.title;
    report::draw_curves(curves, arguments.output.path);
  } else {
    plot_samples(arguments);
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
  app.add_option(
         "--columns", arguments->columns,
         "parameters to draw, by name or by number from 0, such as mass,spin or 0,3 (default: the first 12)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--reference", arguments->reference, "file of reference samples to draw beside them");
  app.add_option(
      "--prior", arguments->prior,
      "run folder or config (.yaml) whose prior is drawn beside them, as thin lines on the diagonal");
  app.add_option("--truth", arguments->truth,
                 "true parameters, one for each dimension of the file or of --columns")
      ->delimiter(',');
  app.add_option("--title", arguments->title, "title of the picture");
  add_output(app, arguments->output, ".png or .svg file to write");
  return [arguments] { return plot(*arguments); };
}

}  // namespace fluxsbi::app
