#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "command.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/given.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"
#include "density_arguments.hpp"
#include "io/output.hpp"
#include "number_range.hpp"

namespace fluxsbi::app {

namespace {

struct LogProbArguments : DensityArguments {
  std::string theta, values, divergence = "exact", solver = "dopri5";
  std::vector<std::string> given_names;
  std::optional<int64_t> steps, probes;
};

// Contradictions among the options are reported before anything is loaded.
void check_arguments(const LogProbArguments& arguments) {
  if (!arguments.output.path.empty())
    io::check_output(arguments.output.path, arguments.output.force, sample::density_extensions());
  const bool pair = !arguments.theta.empty() || !arguments.x.empty(), values = !arguments.values.empty();
  if (pair && values) throw core::UserError("--values holds theta and x already; leave out --theta and --x");
  if (!values && !arguments.given_names.empty())
    throw core::UserError("--given-names needs --values, the file that holds all columns");
  if (!values && arguments.theta.empty())
    throw core::UserError(
        "--theta is missing: name the file that holds the points (for a joint model, --values will also do)");
  if (arguments.probes && arguments.divergence == "exact")
    throw core::UserError("--probes needs --divergence hutchinson; the exact divergence takes no probes");
  const sample::SolverRow& solver = sample::density_solver(arguments.solver);
  if (arguments.steps && solver.adaptive) {
    throw core::UserError("--steps: " + arguments.solver +
                          " chooses its own steps from its tolerances; name a fixed-step --solver");
  }
}

struct Points {
  std::vector<float> theta, x;
  int64_t rows = 0, x_rows = 0;
};

Points read_pair(const LogProbArguments& arguments, const checkpoint::ModelFile& file) {
  if (file.shape.x_dim == 0) {
    throw core::UserError("--theta " + arguments.theta + ": " + arguments.model +
                          " was trained without x, on the joint distribution of theta; use --values");
  }
  if (arguments.x.empty())
    throw core::UserError("--x is missing: " + arguments.model +
                          " gives the density of theta given x; name the file of x");
  auto parameters = data::load_parameters(arguments.theta, file.shape, file.theta_names);
  auto observations = data::load_observations(arguments.x, file.shape, file.x_names);
  if (observations.rows != parameters.rows && observations.rows != 1) {
    throw core::UserError("--theta " + arguments.theta + " holds " + std::to_string(parameters.rows) +
                          " rows and --x " + arguments.x + " " + std::to_string(observations.rows) +
                          "; give the same number of both, or one observation for all of theta");
  }
  return {std::move(parameters.theta), std::move(observations.x), parameters.rows, observations.rows};
}

// Rows of theta and x as a joint model has them.
Points read_values(const LogProbArguments& arguments, const checkpoint::ModelFile& file) {
  auto parameters = data::load_parameters(arguments.values, file.shape, file.theta_names);
  if (file.shape.x_dim == 0) return {std::move(parameters.theta), {}, parameters.rows, 0};
  const auto x = data::load_observations(arguments.values, file.shape, file.x_names);
  if (x.rows != parameters.rows) {
    throw core::UserError("--values " + arguments.values + " holds " + std::to_string(parameters.rows) +
                          " rows of theta and " + std::to_string(x.rows) + " of x");
  }
  Points points{{}, {}, parameters.rows, 0};
  for (int64_t row = 0; row < x.rows; ++row) {
    const auto append = [&](const std::vector<float>& from, int64_t size) {
      points.theta.insert(points.theta.end(), from.begin() + row * size, from.begin() + (row + 1) * size);
    };
    append(parameters.theta, file.shape.theta_size());
    append(x.x, file.shape.x_size());
  }
  return points;
}

// [L], 1 for each token of the list.
sample::GivenMask mask_of(const std::vector<std::string>& given, const std::vector<std::string>& names) {
  sample::GivenMask mask(names.size(), 0);
  for (const std::string& name : given) {
    const auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end()) {
      throw core::UserError("--given-names: the model knows no column " + core::quoted(name) +
                            core::did_you_mean(name, names));
    }
    mask[static_cast<size_t>(place - names.begin())] = 1;
  }
  if (std::count(mask.begin(), mask.end(), uint8_t{1}) == std::ssize(mask))
    throw core::UserError("--given-names names all columns, so none is left whose density could be computed");
  return mask;
}

void print(const sample::LogProbs& found) {
  for (size_t i = 0; i < found.values.size(); ++i) {
    std::cout << core::number_text(found.values[i]);
    if (!found.standard_errors.empty()) std::cout << " " << core::number_text(found.standard_errors[i]);
    std::cout << "\n";
  }
  std::cout.flush();
}

void report(const sample::LogProbs& found, double seconds) {
  const int64_t rows = std::ssize(found.values);
  const auto rate = static_cast<int64_t>(static_cast<double>(rows) / std::max(seconds, 1e-9));
  core::log::info(std::to_string(rows) + " log-densities in " + core::duration_text(seconds) + ", " +
                  std::to_string(rate) + " rows/s, " + std::to_string(found.evaluations) +
                  " evaluations of the flow's equation");
  if (found.outside > 0) {
    core::log::info(std::to_string(found.outside) +
                    " rows lie outside the prior's support: log_prob is -inf there");
  }
}

int log_prob_command(const LogProbArguments& arguments) {
  check_arguments(arguments);
  OpenModel model(arguments.model, arguments.execution, arguments.compute);
  sample::SamplingOptions options = density_options(arguments, model.posterior.sampling());
  options.solver = arguments.solver;
  options.steps = arguments.steps;
  sample::DensityOrigin origin = origin_of(model, options);
  origin.divergence.exact = arguments.divergence == "exact";
  origin.divergence.seed = origin.seed = arguments.seed;
  if (arguments.probes) origin.divergence.probes = *arguments.probes;

  const double begin = core::steady_seconds();
  const auto progress = show_progress("log-prob", "rows");
  sample::LogProbs found;
  if (arguments.values.empty()) {
    const Points points = read_pair(arguments, model.file);
    origin.given = model.file.x_names;
    found = model.posterior.log_prob(points.theta, points.rows, points.x, points.x_rows, origin.divergence,
                                     options, progress);
  } else {
    const Points points = read_values(arguments, model.file);
    const auto names = data::joint_names(model.file.theta_names, model.file.x_names);
    const sample::GivenMask mask = mask_of(arguments.given_names, names);
    for (size_t i = 0; i < names.size(); ++i) {
      if (mask[i]) origin.given.push_back(names[i]);
    }
    found =
        model.posterior.log_prob_given(points.theta, points.rows, mask, origin.divergence, options, progress);
  }
  core::log::end_progress();
  report(found, core::steady_seconds() - begin);
  if (arguments.output.path.empty()) {
    print(found);
  } else {
    sample::save_log_probs(arguments.output.path, found, origin);
  }
  return 0;
}

}  // namespace

Action declare_log_prob(CLI::App& app) {
  auto arguments = std::make_shared<LogProbArguments>();
  add_density(app, *arguments);
  app.add_option("--theta", arguments->theta,
                 "points, one a row, in the data's units: .npz (theta), .npy, .h5 (theta) or .csv");
  app.add_option("--x", arguments->x,
                 "observations, one for each row of theta or one for all: .npz (x), .npy, .h5 (x) or .csv");
  app.add_option("--values", arguments->values,
                 "joint models: all columns, one point a row: .npz or .h5 (theta and x) or .csv");
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
  app.add_option("--seed", arguments->seed, "hutchinson: seed of the probes")->capture_default_str();
  app.add_option("--solver", arguments->solver, "dopri5, euler, midpoint, heun or rk4")
      ->capture_default_str();
  app.add_option("--steps", arguments->steps, "number of steps of a fixed-step solver")->check(above_zero());
  add_output(app, arguments->output,
             ".npz, .h5, .csv or .npy file to write (default: print one line for each row)",
             /*required=*/false);
  return [arguments] { return log_prob_command(*arguments); };
}

}  // namespace fluxsbi::app
