#include "experiment/densities.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"
#include "experiment/draw_densities.hpp"
#include "experiment/observation_check.hpp"

namespace fluxsbi::experiment {

namespace {

struct Points {
  std::vector<double> theta, x;
  int64_t rows = 0, x_rows = 0;
  int64_t draws = 0;  // rows / draws observations have so many points each; 0: each row is a point by itself
};

// The file of x: --x, else that of theta where it holds x, too, as files of samples and of simulations do.
std::string file_of_x(const PointFiles& files) {
  if (!files.x.empty() || !file_holds(files.theta, "x")) return files.x;
  core::log::info("--x is not given: taking x of " + files.theta);
  return files.theta;
}

// The file of answers that the densities are asked of; "": other points.
std::string file_of_answers(const PointFiles& files) {
  const std::string& file = files.values.empty() ? files.theta : files.values;
  if (!files.x.empty() || !holds_answers(file)) return "";
  if (!files.given_names.empty())
    throw core::UserError("--given-names: " + file +
                          " says itself what each of its rows was asked with; leave it out");
  core::log::info(file + " holds answers: the density is that of what was inferred given what was given");
  return file;
}

Points read_pair(const PointFiles& files, const std::string& x_file, const sample::Posterior& posterior) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0) {
    throw core::UserError("--theta " + files.theta + ": " + files.model +
                          " was trained without x, on the joint distribution of theta; use --values");
  }
  if (x_file.empty())
    throw core::UserError("--x is missing: " + files.model +
                          " gives the density of theta given x; name the file of x");
  auto parameters = data::load_parameters(files.theta, shape, posterior.theta_names());
  auto observations = data::load_observations(x_file, shape, posterior.x_names(), posterior.joint());
  const int64_t rows = parameters.rows / std::max<int64_t>(parameters.draws, 1);
  if (observations.rows != rows && observations.rows != 1) {
    throw core::UserError("--theta " + files.theta + " holds " + std::to_string(rows) + " rows and --x " +
                          x_file + " " + std::to_string(observations.rows) +
                          "; give the same number of both, or one observation for all of theta");
  }
  return {std::move(parameters.theta), std::move(observations.x), parameters.rows, observations.rows,
          parameters.draws};
}

// Rows of theta and x as a joint model has them.
Points read_values(const PointFiles& files, const sample::Posterior& posterior) {
  const data::DataShape& shape = posterior.shape();
  // a file of draws of all columns
  if (shape.x_dim > 0 && file_holds(files.values, "samples") && !file_holds(files.values, "theta")) {
    data::DataShape all = shape;
    all.theta_dim += shape.x_dim;
    all.x_dim = 0;
    auto draws = data::load_parameters(files.values, all,
                                       data::joint_names(posterior.theta_names(), posterior.x_names()));
    return {std::move(draws.theta), {}, draws.rows, 0, draws.draws};
  }
  auto parameters = data::load_parameters(files.values, shape, posterior.theta_names());
  if (shape.x_dim == 0) return {std::move(parameters.theta), {}, parameters.rows, 0};
  const auto x = data::load_observations(files.values, shape, posterior.x_names());
  if (x.rows != parameters.rows) {
    throw core::UserError("--values " + files.values + " holds " + std::to_string(parameters.rows) +
                          " rows of theta and " + std::to_string(x.rows) + " of x");
  }
  Points points{{}, {}, parameters.rows, 0};
  for (int64_t row = 0; row < x.rows; ++row) {
    const auto append = [&](const std::vector<double>& from, int64_t size) {
      points.theta.insert(points.theta.end(), from.begin() + row * size, from.begin() + (row + 1) * size);
    };
    append(parameters.theta, shape.theta_size());
    append(x.x, shape.x_size());
  }
  return points;
}

// Points of theta and x, or draws of them that were all asked the same question.
sample::LogProbs log_prob_of_values(sample::Posterior& posterior, const Points& points,
                                    const sample::GivenMask& mask,
                                    const sample::DivergenceOptions& divergence,
                                    const sample::SamplingOptions& options,
                                    const sample::Progress& progress) {
  if (points.draws == 0)
    return posterior.log_prob_given(points.theta, points.rows, mask, divergence, options, progress);
  const int64_t rows = points.rows / points.draws;
  const Answers answers{rows, points.draws, points.theta, std::vector(static_cast<size_t>(rows), mask)};
  return densities_of_answers(posterior, answers, divergence, options, progress);
}

// Draws that are not filled are NaN and have no density: a warning counts them. Throws UserError where all
// are.
void check_filled(std::span<const double> draws, int64_t count, const std::string& file) {
  const auto size = static_cast<std::ptrdiff_t>(std::ssize(draws) / std::max<int64_t>(count, 1));
  int64_t unfilled = 0;
  for (auto draw = draws.begin(); draw != draws.end(); draw += size)
    unfilled += std::any_of(draw, draw + size, [](double value) { return std::isnan(value); });
  if (unfilled == count) throw core::UserError(file + " holds no draw that was filled; nothing was computed");
  if (unfilled > 0)
    core::log::warning(file + ": " + std::to_string(unfilled) + " of " + core::count_text(count, "draw") +
                       " hold NaN, as those that could not be filled do; their log_prob is NaN");
}

// "0110"
std::string mask_text(const sample::GivenMask& mask) {
  std::string text;
  for (const uint8_t given : mask) text += given ? '1' : '0';
  return text;
}

// All that decides densities or modes, but for what they are asked of.
WorkDescription describe(const std::string& command, sample::Posterior& posterior,
                         const sample::SamplingOptions& options, uint64_t seed) {
  WorkDescription work(command, posterior);
  work.add("seed", std::to_string(seed));
  work.add("samples a chunk", std::to_string(posterior.chunk_size(options)));
  work.add(options);
  return work;
}

// Rows without a single sample inside the prior's support have no mode.
bool none_found(const sample::Modes& modes) {
  const auto& found = modes.log_prob;
  return !found.empty() && std::all_of(found.begin(), found.end(), [](double v) { return std::isnan(v); });
}

}  // namespace

sample::DensityOrigin density_origin(const sample::Posterior& posterior,
                                     const sample::SamplingOptions& options) {
  const sample::SolverRow& solver = sample::density_solver(options.solver);
  sample::DensityOrigin origin;
  origin.model = posterior.identity();
  origin.solver = solver.name;
  origin.atol = options.atol;
  origin.rtol = options.rtol;
  if (!solver.adaptive) origin.steps = options.steps.value_or(solver.default_steps);
  origin.theta_names = posterior.theta_names();
  origin.x_names = posterior.x_names();
  return origin;
}

DensityOutcome log_prob_of_files(sample::Posterior& posterior, const PointFiles& files,
                                 const sample::DivergenceOptions& divergence,
                                 const sample::SamplingOptions& options, const sample::Progress& progress) {
  DensityOutcome outcome;
  sample::DensityOrigin& origin = outcome.origin = density_origin(posterior, options);
  origin.divergence = divergence;
  origin.seed = divergence.seed;
  WorkDescription work = describe("log-prob", posterior, options, divergence.seed);
  work.add("divergence", divergence.exact ? "exact" : std::to_string(divergence.probes) + " probes");
  const auto keep = [&] {
    outcome.kept = std::make_unique<KeptWork>(posterior, files.output.path, files.output.force, work);
  };
  const double begin = core::steady_seconds();
  if (const std::string file = file_of_answers(files); !file.empty()) {
    const Answers answers = load_answers(file, posterior);
    check_filled(answers.values, answers.rows * answers.draws, file);
    work.add("values", std::span(answers.values));
    for (const sample::GivenMask& mask : answers.masks) work.add("given", mask_text(mask));
    keep();
    outcome.found = outcome.kept->run(
        [&] { return densities_of_answers(posterior, answers, divergence, options, progress); });
    origin.draws = answers.draws;
  } else if (files.values.empty()) {
    const std::string x_file = file_of_x(files);
    const Points points = read_pair(files, x_file, posterior);
    if (points.draws > 0) check_filled(points.theta, points.rows, files.theta);
    check_observations(posterior, points.x, {0, points.x_rows}, x_file, files.strict);
    work.add("theta", std::span(points.theta));
    work.add("x", std::span(points.x));
    keep();
    origin.given = posterior.x_names();
    outcome.found = outcome.kept->run([&] {
      if (points.draws > 0) {
        const DrawsGivenX draws{points.theta, points.x, points.rows / points.draws, points.draws};
        return densities_of_draws(posterior, draws, divergence, options, progress);
      }
      return posterior.log_prob(points.theta, points.rows, points.x, points.x_rows, divergence, options,
                                progress);
    });
    origin.draws = points.draws;
  } else {
    const Points points = read_values(files, posterior);
    if (points.draws > 0) check_filled(points.theta, points.rows, files.values);
    check_observations(posterior, points.theta, {0, points.rows}, files.values, files.strict);
    const auto names = data::joint_names(posterior.theta_names(), posterior.x_names());
    const sample::GivenMask mask = mask_of_names(files.given_names, names);
    for (size_t i = 0; i < names.size(); ++i) {
      if (mask[i]) origin.given.push_back(names[i]);
    }
    work.add("values", std::span(points.theta));
    work.add("given", core::join(origin.given));
    keep();
    outcome.found = outcome.kept->run(
        [&] { return log_prob_of_values(posterior, points, mask, divergence, options, progress); });
    origin.draws = points.draws;
  }
  outcome.seconds = core::steady_seconds() - begin;
  return outcome;
}

ModeOutcome modes_of_file(sample::Posterior& posterior, const ModeFiles& files, uint64_t seed,
                          const sample::ModeOptions& modes, const sample::SamplingOptions& options,
                          const sample::Progress& progress, const KeptOutput& output) {
  const std::string& x = files.x;
  if (posterior.shape().x_dim == 0) {
    throw core::UserError("--x " + x + ": " + files.model +
                          " was trained without x, but map finds the mode of theta given x");
  }
  const auto observations =
      data::load_observations(x, posterior.shape(), posterior.x_names(), posterior.joint());
  check_observations(posterior, observations.x, {0, observations.rows}, x, files.strict);
  ModeOutcome outcome;
  outcome.rows = observations.rows;
  const double begin = core::steady_seconds();
  WorkDescription work = describe("map", posterior, options, seed);
  work.add("x", std::span(observations.x));
  work.add("draws", std::to_string(modes.draws));
  work.add("starts", std::to_string(modes.top));
  outcome.kept = std::make_unique<KeptWork>(posterior, output.path, output.force, work);
  outcome.found = outcome.kept->run([&] {
    return posterior.find_modes(observations.x, observations.rows, seed, modes, options, progress);
  });
  outcome.seconds = core::steady_seconds() - begin;
  if (none_found(outcome.found)) {
    outcome.kept->finish();  // the next try would only repeat it
    throw core::UserError("--x " + x +
                          ": no mode was found for any row, since no sample lies inside the prior's " +
                          "support; correct the prior or the observations");
  }
  sample::SamplingOptions of_density = options;
  of_density.solver = "auto";
  outcome.origin = density_origin(posterior, of_density);
  outcome.origin.seed = seed;
  outcome.origin.given = posterior.x_names();
  return outcome;
}

}  // namespace fluxsbi::experiment
