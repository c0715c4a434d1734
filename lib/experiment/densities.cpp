#include "experiment/densities.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "data/files/given.hpp"
#include "data/files/names.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"
#include "experiment/density_check.hpp"
#include "experiment/draw_densities.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/streamed_densities.hpp"
#include "sample/files/exact_numbers.hpp"
#include "sample/files/sample_file.hpp"

namespace fluxsbi::experiment {

namespace {

// Of joint models.
struct Points {
  std::vector<double> values;
  int64_t rows = 0;
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

// The observations of theta's rows, or one for all.
data::Observations read_x(const PointFiles& files, const std::string& x_file,
                          const data::ParameterRows& theta, const sample::Posterior& posterior) {
  auto observations =
      data::load_observations(x_file, posterior.shape(), posterior.x_names(), posterior.joint());
  const int64_t rows = theta.rows() / std::max<int64_t>(theta.draws(), 1);
  if (observations.rows != rows && observations.rows != 1) {
    throw core::UserError("--theta " + files.theta + " holds " + std::to_string(rows) + " rows and --x " +
                          x_file + " " + std::to_string(observations.rows) +
                          "; give the same number of both, or one observation for all of theta");
  }
  return observations;
}

void require_pairs(const PointFiles& files, const std::string& x_file, const sample::Posterior& posterior) {
  if (posterior.shape().x_dim == 0) {
    throw core::UserError("--theta " + files.theta + ": " + files.model +
                          " was trained without x, on the joint distribution of theta; use --values");
  }
  if (x_file.empty())
    throw core::UserError("--x is missing: " + files.model +
                          " gives the density of theta given x; name the file of x");
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
    return {std::move(draws.theta), draws.rows, draws.draws};
  }
  auto parameters = data::load_parameters(files.values, shape, posterior.theta_names());
  if (shape.x_dim == 0) return {std::move(parameters.theta), parameters.rows};
  const auto x = data::load_observations(files.values, shape, posterior.x_names());
  if (x.rows != parameters.rows) {
    throw core::UserError("--values " + files.values + " holds " + std::to_string(parameters.rows) +
                          " rows of theta and " + std::to_string(x.rows) + " of x");
  }
  Points points{{}, parameters.rows};
  for (int64_t row = 0; row < x.rows; ++row) {
    const auto append = [&](const std::vector<double>& from, int64_t size) {
      points.values.insert(points.values.end(), from.begin() + row * size, from.begin() + (row + 1) * size);
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
    return posterior.log_prob_given(points.values, points.rows, mask, divergence, options, progress);
  const int64_t rows = points.rows / points.draws;
  const Answers answers{rows, points.draws, points.values, std::vector(static_cast<size_t>(rows), mask)};
  return densities_of_answers(posterior, answers, divergence, options, progress);
}

// Draws that are not filled are NaN and have no density: a warning counts them. Throws UserError where all
// are.
void check_filled(std::span<const double> draws, int64_t count, const std::string& file) {
  const auto size = static_cast<std::ptrdiff_t>(std::ssize(draws) / std::max<int64_t>(count, 1));
  int64_t unfilled = 0;
  for (auto draw = draws.begin(); draw != draws.end(); draw += size)
    unfilled += std::any_of(draw, draw + size, [](double value) { return std::isnan(value); });
  warn_of_unfilled(unfilled, count, file);
}

// "0110"
std::string mask_text(const sample::GivenMask& mask) {
  std::string text;
  for (const uint8_t given : mask) text += given ? '1' : '0';
  return text;
}

// Draws of another distribution than the one whose density is computed.
void warn_of_other_target(const std::string& file, const std::string& asked) {
  const std::string target = sample::target_of(file);
  if (target.empty() || target == asked) return;
  core::log::warning(file + " holds " + (file_holds(file, "map") ? "modes" : "samples") + " of " + target +
                     "; the densities are those of " + (asked.empty() ? "the model's own posterior" : asked) +
                     ", which is another one");
}

void refuse_other_prior(const PointFiles& files) {
  if (!files.prior.asked()) return;
  throw core::UserError(
      "--prior " + files.prior.file +
      " needs --theta and --x: the density of columns given others, and that of answers, is "
      "not one of theta given x, whose prior could be another");
}

// The constants of all observations, from an earlier run where its state has them.
std::vector<Normalisation> normalisations(Normaliser& normaliser, const std::string& state,
                                          const sample::Progress& progress) {
  if (!state.empty())
    return normalisations_of(
        sample::from_bits(nlohmann::json::parse(state).at("normalisations").get<std::vector<uint64_t>>()));
  return normaliser.of_all(progress);
}

// Some of theta's points with the observation of each.
sample::LogProbs log_prob_of_some(sample::Posterior& posterior, const data::ParameterRows& theta,
                                  const data::Observations& x, const sample::DivergenceOptions& divergence,
                                  const sample::SamplingOptions& options) {
  std::vector<double> points, given;
  std::vector<double> point(static_cast<size_t>(posterior.shape().theta_size()));
  const int64_t size = posterior.shape().x_size();
  for (const int64_t i : points_to_look_at(theta.rows())) {
    theta.read(i, 1, point);
    if (std::any_of(point.begin(), point.end(), [](double value) { return std::isnan(value); })) continue;
    points.insert(points.end(), point.begin(), point.end());
    const auto of_row = x.x.begin() + (x.rows == 1 ? 0 : i / std::max<int64_t>(theta.draws(), 1)) * size;
    given.insert(given.end(), of_row, of_row + size);
  }
  const auto count = std::ssize(points) / std::ssize(point);
  return count == 0 ? sample::LogProbs{}
                    : posterior.log_prob(points, count, given, count, divergence, options);
}

// Some of the points of a joint model, all of which were asked the same question.
sample::LogProbs log_prob_of_some(sample::Posterior& posterior, const std::vector<double>& values,
                                  int64_t rows, const sample::GivenMask& mask,
                                  const sample::DivergenceOptions& divergence,
                                  const sample::SamplingOptions& options) {
  std::vector<double> some;
  const int64_t size = std::ssize(values) / std::max<int64_t>(rows, 1);
  for (const int64_t i : points_to_look_at(rows)) {
    const auto point = values.begin() + i * size;
    if (std::none_of(point, point + size, [](double value) { return std::isnan(value); }))
      some.insert(some.end(), point, point + size);
  }
  const int64_t count = std::ssize(some) / std::max<int64_t>(size, 1);
  return count == 0 ? sample::LogProbs{} : posterior.log_prob_given(some, count, mask, divergence, options);
}

// Of theta given x: computed and written block by block.
void log_prob_of_pairs(sample::Posterior& posterior, const PointFiles& files, WorkDescription work,
                       const sample::DivergenceOptions& divergence, const sample::SamplingOptions& options,
                       const sample::Progress& progress, DensityOutcome& outcome,
                       sample::DensityOrigin& origin) {
  const std::string x_file = file_of_x(files);
  require_pairs(files, x_file, posterior);
  const data::ParameterRows theta(files.theta, posterior.shape(), posterior.theta_names());
  const data::Observations x = read_x(files, x_file, theta, posterior);
  std::optional<Normaliser> normaliser;
  if (files.prior.asked()) {
    normaliser.emplace(posterior, files.prior, x.x, options, divergence.seed);
    for (const auto& [key, value] : normaliser->description()) work.add(key, value);
  }
  warn_of_other_target(files.theta, normaliser ? normaliser->target() : "");
  StreamedPoints points{theta, files.theta, x.x, x.rows};
  const std::string checksum = survey(points, posterior);
  check_observations(posterior, x.x, {0, x.rows}, x_file, files.strict);
  work.add("theta", checksum);
  work.add("x", std::span(x.x));
  origin.given = posterior.x_names();
  origin.draws = theta.draws();
  {
    KeptWork kept(posterior, files.output.path, files.output.force, work);
    const std::string state = kept.state(sample::LogProbWriter::has_begun(files.output.path));
    std::vector<Normalisation> constants;
    std::optional<OtherDensities> other;
    if (normaliser) {
      kept.run([&] { constants = normalisations(*normaliser, state, files.normalising); });
      outcome.observations = x.rows;
      outcome.weak = normaliser->finish(constants);
      try {
        normaliser->refuse_where_none(constants);
      } catch (const core::UserError&) {
        kept.finish();  // the next try would only repeat it
        throw;
      }
      origin.other_prior = other_prior_origin(*normaliser, constants);
      points.other = &other.emplace(OtherDensities{normaliser->change().ratio(), constants});
    }
    std::unique_ptr<sample::LogProbWriter> writer;
    if (!files.output.path.empty())
      writer = std::make_unique<sample::LogProbWriter>(
          files.output.path, theta.rows(), origin,
          state.empty() ? "" : nlohmann::json::parse(state).at("writer").get<std::string>());
    outcome.found = kept.run([&] {
      return stream_densities(posterior, points, divergence, options, writer.get(), kept, state, progress);
    });
    outcome.points = theta.rows();
    if (writer) writer->commit();
    kept.finish();
  }
  check_steps(outcome.found, options, [&](const sample::SamplingOptions& others) {
    return log_prob_of_some(posterior, theta, x, divergence, others);
  });
}

}  // namespace

sample::OtherPriorOrigin other_prior_origin(const Normaliser& normaliser,
                                            std::span<const Normalisation> rows) {
  sample::OtherPriorOrigin origin{
      normaliser.target(), normaliser.change().text(), normaliser.asked().draws, {}, {}, {}};
  for (const Normalisation& row : rows) {
    origin.log_z.push_back(row.log_z);
    origin.log_z_se.push_back(row.error);
    origin.effective.push_back(row.effective);
  }
  return origin;
}

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

WorkDescription density_work(const std::string& command, sample::Posterior& posterior,
                             const sample::SamplingOptions& options, uint64_t seed) {
  WorkDescription work(command, posterior);
  work.add("seed", std::to_string(seed));
  work.add("samples a chunk", std::to_string(posterior.chunk_size(options)));
  work.add(options);
  return work;
}

DensityOutcome log_prob_of_files(sample::Posterior& posterior, const PointFiles& files,
                                 const sample::DivergenceOptions& divergence,
                                 const sample::SamplingOptions& options, const sample::Progress& progress) {
  DensityOutcome outcome;
  sample::DensityOrigin origin = density_origin(posterior, options);
  origin.divergence = divergence;
  origin.seed = divergence.seed;
  WorkDescription work = density_work("log-prob", posterior, options, divergence.seed);
  work.add("divergence", divergence.exact ? "exact" : std::to_string(divergence.probes) + " probes");
  const double begin = core::steady_seconds();
  // Of joint rows, which are in memory.
  const auto compute = [&](const std::function<sample::LogProbs()>& densities) {
    KeptWork kept(posterior, files.output.path, files.output.force, work);
    outcome.found = kept.run(densities);
    outcome.points = std::ssize(outcome.found.values);
    if (files.output.path.empty()) return;
    sample::LogProbWriter writer(files.output.path, outcome.points, origin);
    writer.append(outcome.found);
    writer.commit();
    kept.finish();
    outcome.found.values.clear();
  };
  if (const std::string file = file_of_answers(files); !file.empty()) {
    refuse_other_prior(files);
    const Answers answers = load_answers(file, posterior);
    check_filled(answers.values, answers.rows * answers.draws, file);
    warn_of_other_target(file, "");
    work.add("values", std::span(answers.values));
    for (const sample::GivenMask& mask : answers.masks) work.add("given", mask_text(mask));
    origin.draws = answers.draws;
    compute([&] { return densities_of_answers(posterior, answers, divergence, options, progress); });
    // The first row's draws: other rows may have been asked other questions.
    check_steps(outcome.found, options, [&](const sample::SamplingOptions& others) {
      const auto first = answers.values.begin();
      const auto size = std::ssize(answers.values) / std::max<int64_t>(answers.rows, 1);
      return log_prob_of_some(posterior, {first, first + size}, answers.draws, answers.masks.front(),
                              divergence, others);
    });
  } else if (files.values.empty()) {
    log_prob_of_pairs(posterior, files, work, divergence, options, progress, outcome, origin);
  } else {
    refuse_other_prior(files);
    const Points points = read_values(files, posterior);
    if (points.draws > 0) check_filled(points.values, points.rows, files.values);
    check_observations(posterior, points.values, {0, points.rows}, files.values, files.strict);
    const auto names = data::joint_names(posterior.theta_names(), posterior.x_names());
    const sample::GivenMask mask = mask_of_names(files.given_names, names);
    for (size_t i = 0; i < names.size(); ++i) {
      if (mask[i]) origin.given.push_back(names[i]);
    }
    work.add("values", std::span(points.values));
    work.add("given", core::join(origin.given));
    origin.draws = points.draws;
    compute([&] { return log_prob_of_values(posterior, points, mask, divergence, options, progress); });
    check_steps(outcome.found, options, [&](const sample::SamplingOptions& others) {
      return log_prob_of_some(posterior, points.values, points.rows, mask, divergence, others);
    });
  }
  outcome.seconds = core::steady_seconds() - begin;
  return outcome;
}

}  // namespace fluxsbi::experiment
