#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "drawn_report.hpp"
#include "idle_options.hpp"
#include "io/output.hpp"
#include "number_range.hpp"
#include "report/report.hpp"
#include "report/run_folder.hpp"
#include "seed_argument.hpp"

namespace fluxsbi::app {

namespace {

struct ReportArguments {
  std::string run, title;
  DrawnPosterior drawn;
  report::SamplesRequest samples;
  OutputArgument output;
};

// The command line that makes this report again.
std::string command_of(const ReportArguments& arguments) {
  const report::SamplesRequest& samples = arguments.samples;
  std::string command = "fluxsbi report " + report::shell_word(arguments.run);
  const auto option = [&](const char* name, const std::string& value) {
    if (!value.empty()) command += std::string(" ") + name + " " + report::shell_word(value);
  };
  option("--samples", samples.path);
  option("--x", arguments.drawn.x);
  if (!arguments.drawn.x.empty()) {
    command +=
        " -n " + std::to_string(arguments.drawn.draws) + " --seed " + std::to_string(arguments.drawn.seed);
  }
  if (samples.row >= 0) option("--row", std::to_string(samples.row));
  option("--prior", samples.prior);
  std::vector<std::string> truth;
  for (const double value : samples.truth) truth.push_back(core::number_text(value));
  if (!truth.empty()) command += " --truth=" + core::join(truth, ",");
  option("--title", arguments.title);
  option("-o", arguments.output.path);
  return command;
}

int report_run(const ReportArguments& arguments, const CLI::App& command) {
  io::check_output(arguments.output.path, arguments.output.force, {".html", ".htm"});
  const report::SamplesRequest& samples = arguments.samples;
  const bool drawn = !arguments.drawn.x.empty();
  if (drawn && !samples.path.empty())
    throw core::UserError("give --samples or --x, not both: each says where the posterior comes from");
  if (!drawn)
    warn_idle(command, {"--draws", "--seed"}, "says how the posterior of --x is drawn, and no --x is given");
  if (samples.path.empty() && !drawn &&
      (samples.row >= 0 || !samples.prior.empty() || !samples.truth.empty()))
    throw core::UserError(
        "--row, --prior and --truth belong to a posterior; give its samples by --samples, or the observation "
        "by --x, too");
  report::ReportContent content = report::read_run(arguments.run);
  if (!arguments.title.empty()) content.title = arguments.title;
  if constexpr (with_network) {
    if (drawn) draw_posterior(arguments.run, arguments.drawn, samples, content);
  }
  if (!samples.path.empty()) report::add_samples(content, arguments.run, samples);
  content.commands.push_back(command_of(arguments));
  for (const std::string& notice : content.notices) core::log::warning(notice);
  if (!content.findings.content) core::log::info(content.findings.absent);
  if (!content.posterior.content) core::log::info(content.posterior.absent);
  report::write_report(content, arguments.output.path);
  core::log::info("wrote " + arguments.output.path);
  return 0;
}

}  // namespace

bool reports_observation(std::span<char* const> words) {
  return std::any_of(words.begin(), words.end(),
                     [](std::string_view word) { return word == "--x" || word.starts_with("--x="); });
}

Action declare_report(CLI::App& app) {
  auto arguments = std::make_shared<ReportArguments>();
  report::SamplesRequest& samples = arguments->samples;
  app.add_option("run", arguments->run, "run folder")->required();
  app.add_option("--samples", samples.path,
                 "file that 'fluxsbi sample' drew from this run: the posterior at an observation");
  app.add_option(
      "--x", arguments->drawn.x,
      "file of observations instead of --samples: the posterior of one of them is drawn for the report");
  app.add_option("--row", samples.row, "index of the observation in --samples or --x, counted from 0")
      ->check(at_least_zero());
  app.add_option("-n,--draws", arguments->drawn.draws, "with --x: number of draws")
      ->check(above_zero())
      ->capture_default_str();
  add_seed(app, arguments->drawn.seed, "with --x: seed of the draws");
  app.add_option("--prior", samples.prior,
                 "file of draws of the prior, such as simulations, to show beside it");
  app.add_option("--truth", samples.truth, "true parameters, one for each of the samples")
      ->delimiter(',')
      ->check(finite());
  app.add_option("--title", arguments->title, "title of the page (default: the run folder's name)");
  add_output(app, arguments->output, ".html file to write");
  return [arguments, &app] { return report_run(*arguments, app); };
}

}  // namespace fluxsbi::app
