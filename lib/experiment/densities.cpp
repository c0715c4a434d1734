#include "experiment/densities.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"

namespace fluxsbi::experiment {

namespace {

struct Points {
  std::vector<double> theta, x;
  int64_t rows = 0, x_rows = 0;
};

Points read_pair(const PointFiles& files, const sample::Posterior& posterior) {
  const data::DataShape& shape = posterior.shape();
  if (shape.x_dim == 0) {
    throw core::UserError("--theta " + files.theta + ": " + files.model +
                          " was trained without x, on the joint distribution of theta; use --values");
  }
  if (files.x.empty())
    throw core::UserError("--x is missing: " + files.model +
                          " gives the density of theta given x; name the file of x");
  auto parameters = data::load_parameters(files.theta, shape, posterior.theta_names());
  auto observations = data::load_observations(files.x, shape, posterior.x_names());
  if (observations.rows != parameters.rows && observations.rows != 1) {
    throw core::UserError("--theta " + files.theta + " holds " + std::to_string(parameters.rows) +
                          " rows and --x " + files.x + " " + std::to_string(observations.rows) +
                          "; give the same number of both, or one observation for all of theta");
  }
  return {std::move(parameters.theta), std::move(observations.x), parameters.rows, observations.rows};
}

// Rows of theta and x as a joint model has them.
Points read_values(const PointFiles& files, const sample::Posterior& posterior) {
  const data::DataShape& shape = posterior.shape();
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

// [L], 1 for each token of the list.
sample::GivenMask mask_of_names(const std::vector<std::string>& given,
                                const std::vector<std::string>& names) {
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
  const double begin = core::steady_seconds();
  if (files.values.empty()) {
    const Points points = read_pair(files, posterior);
    origin.given = posterior.x_names();
    outcome.found =
        posterior.log_prob(points.theta, points.rows, points.x, points.x_rows, divergence, options, progress);
  } else {
    const Points points = read_values(files, posterior);
    const auto names = data::joint_names(posterior.theta_names(), posterior.x_names());
    const sample::GivenMask mask = mask_of_names(files.given_names, names);
    for (size_t i = 0; i < names.size(); ++i) {
      if (mask[i]) origin.given.push_back(names[i]);
    }
    outcome.found = posterior.log_prob_given(points.theta, points.rows, mask, divergence, options, progress);
  }
  outcome.seconds = core::steady_seconds() - begin;
  return outcome;
}

ModeOutcome modes_of_file(sample::Posterior& posterior, const std::string& model, const std::string& x,
                          uint64_t seed, const sample::ModeOptions& modes,
                          const sample::SamplingOptions& options, const sample::Progress& progress) {
  if (posterior.shape().x_dim == 0) {
    throw core::UserError("--x " + x + ": " + model +
                          " was trained without x, but map finds the mode of theta given x");
  }
  const auto observations = data::load_observations(x, posterior.shape(), posterior.x_names());
  ModeOutcome outcome;
  outcome.rows = observations.rows;
  const double begin = core::steady_seconds();
  outcome.found = posterior.find_modes(observations.x, observations.rows, seed, modes, options, progress);
  outcome.seconds = core::steady_seconds() - begin;
  sample::SamplingOptions of_density = options;
  of_density.solver = "auto";
  outcome.origin = density_origin(posterior, of_density);
  outcome.origin.seed = seed;
  outcome.origin.given = posterior.x_names();
  return outcome;
}

}  // namespace fluxsbi::experiment
