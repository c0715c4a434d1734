#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common.hpp"
#include "core/error.hpp"
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

struct LogProbArguments : DensityArguments {
  std::string theta, values, theta_key, x_key, divergence = "exact", solver = "dopri5";
  std::vector<std::string> given_names;
  std::optional<int64_t> steps, probes;
};

// Contradictions among the options are reported before anything is loaded.
void check_arguments(const LogProbArguments& arguments, const CLI::App& command) {
  if (!arguments.output.path.empty()) {
    io::check_output(arguments.output.path, arguments.output.force, sample::density_extensions());
    io::refuse_overwriting(arguments.output.path, {arguments.theta, arguments.x, arguments.values,
                                                   arguments.prior.file, arguments.model});
  }
  const bool pair = !arguments.theta.empty() || !arguments.x.empty(), values = !arguments.values.empty();
  if (pair && values) throw core::UserError("--values holds theta and x already; leave out --theta and --x");
  if (!values && !arguments.given_names.empty())
    throw core::UserError("--given-names needs --values, the file that holds all columns");
  if (!values && arguments.theta.empty())
    throw core::UserError(
        "--theta is missing: name the file that holds the points (for a joint model, --values will also do)");
  if (arguments.probes && arguments.divergence == "exact")
    throw core::UserError("--probes needs --divergence hutchinson; the exact divergence takes no probes");
  if (!arguments.prior.asked())
    refuse_idle(command, {"--draws", "--min-effective"},
                "says how densities under another prior are normalised; give --prior, or leave it out");
  if (arguments.divergence == "exact" && !arguments.prior.asked())
    warn_idle(
        command, {"--seed"},
        "is that of the probes of --divergence hutchinson and of the draws of --prior; the exact divergence "
        "draws none");
  if (values)
    warn_idle(command, {"--theta-key", "--x-key"},
              "names an array of --theta or --x, and --values has its own");
  if (!values && arguments.x.empty())
    warn_idle(command, {"--x-key"},
              "names the array of --x, which is not given: x comes from --theta's file");
  if (arguments.output.path.empty())
    warn_idle(command, {"--force"}, "replaces the file of -o, which is not given");
  const sample::SolverRow& solver = sample::density_solver(arguments.solver);
  if (!solver.adaptive)
    warn_idle(command, {"--atol", "--rtol"},
              "is a tolerance of dopri5, and " + arguments.solver + " takes --steps steps");
  if (arguments.steps && solver.adaptive) {
    throw core::UserError("--steps: " + arguments.solver +
                          " chooses its own steps from its tolerances; name a fixed-step --solver");
  }
}

void print(const sample::LogProbs& found) {
  for (size_t i = 0; i < found.values.size(); ++i) {
    std::cout << core::number_text(found.values[i]);
    if (!found.standard_errors.empty()) std::cout << " " << core::number_text(found.standard_errors[i]);
    std::cout << "\n";
  }
  std::cout.flush();
}

void report(const sample::LogProbs& found, int64_t rows, double seconds) {
  const auto rate = static_cast<int64_t>(static_cast<double>(rows) / std::max(seconds, 1e-9));
  core::log::info(std::to_string(rows) + " log-densities in " + core::duration_text(seconds) + ", " +
                  std::to_string(rate) + " rows/s, " + std::to_string(found.evaluations) +
                  " evaluations of the flow's equation");
  if (found.outside > 0) {
    core::log::info(std::to_string(found.outside) +
                    " rows lie outside the prior's support: log_prob is -inf there");
  }
}

int log_prob_command(const LogProbArguments& arguments, const CLI::App& command) {
  check_arguments(arguments, command);
  sample::Posterior posterior =
      experiment::open_posterior(arguments.model, arguments.execution, arguments.compute);
  sample::SamplingOptions options = density_options(arguments, posterior.sampling());
  options.solver = arguments.solver;
  options.steps = arguments.steps;
  sample::DivergenceOptions divergence;
  divergence.exact = arguments.divergence == "exact";
  divergence.seed = arguments.seed;
  if (arguments.probes) divergence.probes = *arguments.probes;
  const experiment::PointFiles files{arguments.model,
                                     file_with_key(arguments.theta, arguments.theta_key),
                                     file_with_key(arguments.x, arguments.x_key),
                                     arguments.values,
                                     arguments.given_names,
                                     {arguments.output.path, arguments.output.force},
                                     arguments.strict,
                                     arguments.prior,
                                     show_progress("normalising", "draws")};
  const experiment::DensityOutcome outcome =
      experiment::log_prob_of_files(posterior, files, divergence, options, show_progress("log-prob", "rows"));
  core::log::end_progress();
  report(outcome.found, outcome.points, outcome.seconds);
  const bool printed = arguments.output.path.empty();
  if (printed) print(outcome.found);
  fail_where_weak(arguments.strict, outcome.weak, outcome.observations,
                  printed ? "the densities were printed" : arguments.output.path + " was written");
  return 0;
}

}  // namespace

Action declare_log_prob(CLI::App& app) {
  auto arguments = std::make_shared<LogProbArguments>();
  add_density(app, *arguments);
  app.add_option(
      "--theta", arguments->theta,
      "points, one a row, in the data's units: .npz (theta, or samples: the result is then [rows, draws]), "
      ".npy, .h5 or text");
  app.add_option("--x", arguments->x,
                 "observations, one for each row of theta or one for all: .npz (x), .npy, .h5 (x) or text "
                 "(default: x of the file of theta, where it holds x, too)");
  app.add_option("--theta-key", arguments->theta_key, "key of theta in .npz, path of its dataset in .h5");
  app.add_option("--x-key", arguments->x_key, "the same for x");
  app.add_option("--values", arguments->values,
                 "joint models: all columns, one point a row: .npz or .h5 (theta and x, samples of all "
                 "columns, for which the "
                 "result is [rows, draws], or a file that sample --given wrote) or .csv");
  app.add_option(
         "--given-names", arguments->given_names,
         "joint models: columns of --values that are given, such as theta_0,x_1; the density is that of the "
         "other columns given these (default: none, which gives the joint density)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--divergence", arguments->divergence,
                 "exact, or hutchinson, which estimates it from random probes and suits many dimensions")
      ->check(CLI::IsMember({"exact", "hutchinson"}))
      ->capture_default_str();
  app.add_option("--probes", arguments->probes, "hutchinson: number of probes for each row (default: 10)")
      ->check(above_zero());
  add_prior(app, arguments->prior, "the densities");
  app.add_option("-n,--draws", arguments->prior.draws,
                 "--prior: draws of the posterior for each observation, by which the density is normalised")
      ->check(above_zero())
      ->capture_default_str();
  add_seed(app, arguments->seed, "seed of hutchinson's probes, and of the draws of --prior");
  app.add_option("--solver", arguments->solver, "dopri5, euler, midpoint, heun or rk4")
      ->capture_default_str();
  app.add_option("--steps", arguments->steps, "number of steps of a fixed-step solver")
      ->check(solver_steps());
  add_output(app, arguments->output,
             ".npz, .h5, .csv or .npy file to write (default: print one line for each row)",
             /*required=*/false);
  return [arguments, &app] { return log_prob_command(*arguments, app); };
}

}  // namespace fluxsbi::app
