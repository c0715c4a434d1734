#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/data_section.hpp"
#include "data/files/names.hpp"
#include "data/prior/prior.hpp"
#include "data/tasks/task.hpp"
#include "diagnose/finding_json.hpp"
#include "diagnose/samples.hpp"
#include "idle_options.hpp"
#include "io/output.hpp"
#include "io/source.hpp"
#include "number_range.hpp"
#include "report/corner.hpp"
#include "report/curves.hpp"
#include "report/findings_figure.hpp"
#include "report/picture.hpp"
#include "report/run_folder.hpp"

namespace fluxsbi::app {

namespace {

constexpr int64_t usual_dimensions = 12;  // larger plots are drawn where --columns asks for them

struct PlotArguments {
  std::string input, reference, prior, title;
  std::vector<std::string> columns;
  std::vector<double> truth;
  int64_t row = -1;
  OutputArgument output;
};

// With a name for each dimension, so that all can be chosen by name.
diagnose::SampleSet load_named(const std::string& path, int64_t row) {
  diagnose::SampleSet set = diagnose::load_finite_samples(path, row);
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

// The dimensions of a file that is drawn beside the samples: those of the `names` that are drawn, where it
// has them; else all where it has as many as are drawn, else those of the same name or number. The samples
// have `dimensions`.
diagnose::SampleSet load_beside(const std::string& path, int64_t row, const std::vector<std::string>& columns,
                                const std::vector<std::string>& names, int64_t dimensions) {
  diagnose::SampleSet beside = load_named(path, row);
  const auto holds = [&](const std::string& name) { return data::names_hold(beside.columns, name); };
  const bool named = !names.empty() && std::all_of(names.begin(), names.end(), holds);
  if (!named && beside.dimensions == std::ssize(columns)) return beside;
  if (!named && beside.dimensions < std::ssize(columns))
    throw core::UserError(path + " holds " + core::count_text(beside.dimensions, "parameter") +
                          ", but the plot draws " + std::to_string(columns.size()) +
                          "; choose those that both files have with --columns, or leave the file out");
  diagnose::SampleSet drawn = diagnose::with_columns(beside, named ? names : columns);
  if (beside.dimensions != dimensions && beside.dimensions != std::ssize(columns))
    core::log::warning(beside.name + " holds " + core::count_text(beside.dimensions, "parameter") +
                       ", the samples " + std::to_string(dimensions) + ": " +
                       core::list_first(drawn.columns) +
                       " of it are drawn; --columns chooses by name or number");
  return drawn;
}

bool names_prior(const std::string& path) {
  std::error_code ignored;
  const auto extension = std::filesystem::path(path).extension();
  return std::filesystem::is_directory(path, ignored) || extension == ".yaml" || extension == ".yml";
}

// The prior that the config of a run, or a config, tells: its own, or that of the task that it names.
// `names` become theta's, where it gives them.
std::shared_ptr<const data::Prior> prior_of(const std::string& path, int64_t dimensions,
                                            std::vector<std::string>& names) {
  const config::Value document =
      config::load_yaml(std::filesystem::is_directory(path) ? path + "/config.yaml" : path);
  data::PriorOptions options;
  data::DataOptions data;
  config::Reader reader(document);
  reader.read(data::prior_table(), options);
  data::resolve(options, reader);
  data::read_data_section(reader, data);
  data::adopt_names(options, data.theta_names, reader);
  reader.finish_part();
  if (std::ssize(data.theta_names) == dimensions) names = data.theta_names;
  if (options.kind == data::PriorKind::none && data.task) {
    std::shared_ptr<const data::Task> task = data::make_task(*data.task);
    if (task->theta_dim() != dimensions)
      throw core::UserError("--prior " + path + ": the task " + *data.task + " has " +
                            core::count_text(task->theta_dim(), "parameter") + ", the samples have " +
                            std::to_string(dimensions));
    return {task, &task->prior()};
  }
  if (options.kind == data::PriorKind::none || options.kind == data::PriorKind::custom) {
    throw core::UserError(
        "--prior " + path + ": prior.kind = " + config::name_of(options.kind) +
        " cannot be drawn from; give a run or a config with another kind, or a file of draws");
  }
  return data::make_prior(options, dimensions);
}

// Draws of that prior, [draws, dimensions], in the order of the samples `all` where both have the same names.
diagnose::SampleSet draw_prior(const std::string& path, const diagnose::SampleSet& all) {
  constexpr int64_t draws = 20000;
  diagnose::SampleSet set{path, draws, all.dimensions, {}, all.columns};
  const auto prior = prior_of(path, all.dimensions, set.columns);
  set.values.resize(static_cast<size_t>(draws * all.dimensions));
  for (int64_t i = 0; i < draws; ++i) {
    core::Philox random(1, core::Purpose::prior, static_cast<uint64_t>(i));
    prior->sample(random,
                  std::span(set.values)
                      .subspan(static_cast<size_t>(i * all.dimensions), static_cast<size_t>(all.dimensions)));
  }
  if (all.columns.empty()) return set;
  set = diagnose::in_order_of(std::move(set), all.columns);
  set.columns = all.columns;
  return set;
}

// The true values of the dimensions that are drawn; they may be given for all.
std::vector<double> truth_of(const PlotArguments& arguments, const diagnose::SampleSet& all,
                             const std::vector<std::string>& columns) {
  if (!arguments.truth.empty() && std::ssize(arguments.truth) != all.dimensions &&
      arguments.truth.size() != columns.size())
    throw core::UserError("--truth has " + core::count_text(std::ssize(arguments.truth), "number") +
                          ", but " + all.name + " holds " + core::count_text(all.dimensions, "parameter") +
                          " and the plot draws " + std::to_string(columns.size()) + "; give one for each");
  if (std::ssize(arguments.truth) != all.dimensions) return arguments.truth;
  diagnose::SampleSet one{"--truth", 1, all.dimensions, {}, all.columns, 0};
  one.values.assign(arguments.truth.begin(), arguments.truth.end());
  const auto picked = diagnose::with_columns(one, columns);
  return {picked.values.begin(), picked.values.end()};
}

report::Figure samples_figure(const PlotArguments& arguments) {
  const diagnose::SampleSet all = load_named(arguments.input, arguments.row);
  const auto columns = columns_to_draw(arguments, all);
  const diagnose::SampleSet samples = diagnose::with_columns(all, columns);
  diagnose::SampleSet reference, prior;
  report::CornerPlot corner;
  corner.names = samples.columns;
  corner.samples = {"posterior", samples.values};
  if (!arguments.reference.empty()) {
    reference = load_beside(arguments.reference, arguments.row, columns, samples.columns, all.dimensions);
    corner.reference = {"reference", reference.values};
  }
  if (!arguments.prior.empty()) {
    prior = names_prior(arguments.prior)
                ? diagnose::with_columns(draw_prior(arguments.prior, all), columns)
                : load_beside(arguments.prior, -1, columns, samples.columns, all.dimensions);
    corner.prior = {"prior", prior.values};
  }
  corner.truth = truth_of(arguments, all, columns);
  corner.title = arguments.title;
  return report::corner_figure(corner);
}

report::Figure curves_of_run(const PlotArguments& arguments) {
  if (std::filesystem::is_directory(arguments.input + "/members"))
    throw core::UserError(arguments.input +
                          ": is an ensemble; each member has curves of its own: fluxsbi plot " +
                          arguments.input + "/members/1");
  if (const std::string remedy = report::remedy_of_rounds(arguments.input); !remedy.empty())
    throw core::UserError(arguments.input + ": has no training curves" + remedy);
  report::TrainingCurves curves = report::read_metrics(arguments.input + "/metrics.jsonl");
  curves.title = arguments.title;
  return report::curves_figure(curves);
}

report::Figure graphs_of_findings(const PlotArguments& arguments) {
  const auto bytes = io::FileSource(arguments.input).read_all();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return report::findings_figure(diagnose::findings_from_json(text, arguments.input), arguments.title);
}

report::Figure figure_of(const PlotArguments& arguments) {
  if (std::filesystem::is_directory(arguments.input)) return curves_of_run(arguments);
  return io::extension_of(arguments.input) == ".json" ? graphs_of_findings(arguments)
                                                      : samples_figure(arguments);
}

int plot(const PlotArguments& arguments, const CLI::App& command) {
  const bool run = std::filesystem::is_directory(arguments.input);
  if (run || io::extension_of(arguments.input) == ".json")
    refuse_idle(command, {"--row", "--columns", "--reference", "--prior", "--truth"},
                std::string("belongs to a picture of samples, but ") + arguments.input +
                    (run ? " is a run folder, whose training curves are drawn" : " holds findings") +
                    "; leave it out, or name a file of samples");
  io::check_output(arguments.output.path, arguments.output.force, {".png", ".svg"});
  const report::Figure figure = figure_of(arguments);
  core::log::info("wrote " + report::write_picture(figure, arguments.output.path, arguments.output.force));
  return 0;
}

}  // namespace

Action declare_plot(CLI::App& app) {
  auto arguments = std::make_shared<PlotArguments>();
  app.add_option("input", arguments->input,
                 "file of samples (.npz, .h5, .npy, .csv), a run folder, whose training curves are drawn, or "
                 "findings of diagnose (.json)")
      ->required();
  app.add_option("--row", arguments->row,
                 "index of the observation in 'samples' [rows, n, d], counted from 0")
      ->check(at_least_zero());
  app.add_option(
         "--columns", arguments->columns,
         "parameters to draw, by name or by number from 0, such as mass,spin or 0,3 (default: the first 12)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--reference", arguments->reference, "file of reference samples to draw beside them");
  app.add_option("--prior", arguments->prior,
                 "whose prior is drawn on the diagonal: a run folder, a config (.yaml), or a file of draws "
                 "of the prior, such as simulations");
  app.add_option("--truth", arguments->truth,
                 "true parameters, one for each dimension of the file or of --columns")
      ->delimiter(',')
      ->check(finite());
  app.add_option("--title", arguments->title, "title of the picture");
  add_output(app, arguments->output, ".png or .svg file to write");
  return [arguments, &app] { return plot(*arguments, app); };
}

}  // namespace fluxsbi::app
