#include "evidence/observed.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/dataset.hpp"
#include "data/files/observations.hpp"
#include "data/screening/use_x.hpp"
#include "data/simulate/simulation_config.hpp"
#include "evidence/kept_diagnosis.hpp"
#include "experiment/correction.hpp"
#include "io/array.hpp"
#include "io/npz.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::evidence {

namespace {

namespace fs = std::filesystem;

constexpr int64_t most_rows = 10;
// Noise is keyed by a row's number: pairs have those from 0 on, observations have others.
constexpr int64_t first_number = int64_t{1} << 31;

// The sampling options with half the size of a step.
sample::SamplingOptions finer(const sample::Posterior& posterior, sample::SamplingOptions options) {
  const method::Method& method = posterior.method();
  const sample::SolverRow* chosen = sample::chosen_solver(options.solver);
  const sample::SolverRow& solver = chosen ? *chosen : sample::find_solver(method.default_solver());
  if (solver.adaptive) {
    options.atol /= 10;
    options.rtol /= 10;
  } else {
    options.steps = 2 * options.steps.value_or(chosen ? solver.default_steps : method.default_steps());
  }
  return options;
}

// Simulations at the first draws, [simulations, x_size], NaN where they failed.
std::vector<double> simulate_at(const sample::Samples& drawn, size_t row, const data::DataShape& shape,
                                const ObservedOptions& observed, const GatherOptions& options) {
  const auto width = static_cast<size_t>(drawn.tokens * drawn.channels);
  std::vector<double> theta;
  for (size_t i = 0; i < drawn.filled.size() && std::cmp_less(theta.size(), observed.simulations * width);
       ++i) {
    if (!drawn.filled[i]) continue;
    const auto first = drawn.values.begin() + static_cast<std::ptrdiff_t>(i * width);
    theta.insert(theta.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  if (theta.empty()) return {};
  const std::string stem = (fs::path(observed.folder) / ("predictive_" + std::to_string(row))).string();
  const int64_t count = std::ssize(theta) / static_cast<int64_t>(width);
  io::Arrays points;
  points["theta"] = io::Array::from(std::span<const double>(theta), {count, static_cast<int64_t>(width)});
  io::save_npz(stem + "_theta.npz", points);
  data::SimulateRequest simulate;
  const std::string config = (fs::path(observed.run) / "config.yaml").string();
  data::take_simulator(config, simulate);
  simulate.output = stem + ".npz";
  simulate.theta_file = stem + "_theta.npz";
  simulate.seed = core::derive_seed(options.seed, core::Purpose::held_out, row + 1);
  simulate.force = true;
  simulate_once(simulate, config);
  const io::Array x = io::load_npz(simulate.output).at("x");
  std::vector<double> values = data::seen_values(x.to_double(), x.elements() / count, shape);
  if (std::ssize(values) != count * shape.x_size())
    throw core::UserError(observed.run + ": its simulator makes " + std::to_string(x.elements() / count) +
                          " numbers of x, but the model was trained on " + std::to_string(shape.x_size()));
  return values;
}

// Weights of the observation's draws, of row `row` of what `correction` was made with.
void weigh(experiment::Correction& correction, int64_t row, const sample::Samples& drawn,
           diagnose::Observation& observation) {
  const auto width = static_cast<size_t>(drawn.tokens * drawn.channels);
  std::vector<double> theta;
  for (size_t i = 0; i < drawn.filled.size(); ++i) {
    const auto first = drawn.values.begin() + static_cast<std::ptrdiff_t>(i * width);
    if (drawn.filled[i]) theta.insert(theta.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  observation.log_weights.assign(drawn.filled.size(), std::numeric_limits<double>::quiet_NaN());
  if (theta.empty()) return;
  const std::vector<double> found = correction.log_weights(theta, row);
  const sample::WeightQuality quality = sample::judge_weights(found);
  observation.effective = quality.effective;
  observation.pareto_shape = quality.pareto_shape;
  for (size_t i = 0, next = 0; i < drawn.filled.size(); ++i) {
    if (drawn.filled[i]) observation.log_weights[i] = found[next++];
  }
}

// What the run's config says of how to simulate; nothing where there is none that can be read.
std::optional<data::SimulateRequest> simulation_of(const std::string& run) {
  const fs::path config = fs::path(run) / "config.yaml";
  std::error_code ignored;
  if (!fs::exists(config, ignored)) return {};
  data::SimulateRequest request;
  try {
    data::take_simulator(config.string(), request);
  } catch (const core::UserError&) {
    return {};
  }
  return request;
}

}  // namespace

ObservedRows read_observed(const sample::Posterior& posterior, const std::string& file, int64_t row) {
  const auto read = data::load_observations(file, posterior.shape(), posterior.x_names(), posterior.joint());
  if (row >= read.rows)
    throw core::UserError("--row " + std::to_string(row) + ": " + file + " holds " +
                          core::count_text(read.rows, "row") + ", counted from 0");
  const int64_t first = row < 0 ? 0 : row, count = row < 0 ? std::min(read.rows, most_rows) : 1;
  if (row < 0 && read.rows > most_rows) {
    core::log::warning(file + ": the first " + std::to_string(most_rows) + " of its " +
                       std::to_string(read.rows) + " rows are looked at; --row chooses another one");
  }
  const int64_t size = posterior.shape().x_size();
  ObservedRows rows;
  rows.x.assign(read.x.begin() + first * size, read.x.begin() + (first + count) * size);
  for (int64_t i = first; i < first + count; ++i) rows.names.push_back(file + ", row " + std::to_string(i));
  return rows;
}

std::vector<diagnose::Observation> observe(sample::Posterior& posterior, const ObservedRows& rows,
                                           const diagnose::Needs& needs, const ObservedOptions& observed,
                                           const GatherOptions& options) {
  const auto size = static_cast<size_t>(posterior.shape().x_size());
  std::vector<diagnose::Observation> observations;
  std::optional<experiment::Correction> correction;
  if (needs.weights)
    correction.emplace(posterior, likelihood_of(observed, posterior.shape()), rows.x, options.sampling);
  for (size_t row = 0; row < rows.names.size(); ++row) {
    const auto x = std::span(rows.x).subspan(row * size, size);
    diagnose::Observation observation;
    observation.name = rows.names[row];
    observation.x.assign(x.begin(), x.end());
    observation.draws = observed.draws;
    const int64_t number = first_number + static_cast<int64_t>(row);
    const auto draw = [&](const sample::SamplingOptions& sampling) {
      return posterior.sample(x, 1, observed.draws, options.seed, number, sampling);
    };
    // A student has no finer steps than its teacher's.
    const auto draw_finer = [&](const sample::SamplingOptions& sampling) {
      sample::Posterior* teacher = posterior.teacher();
      if (teacher == nullptr) return draw(finer(posterior, sampling));
      sample::SamplingOptions of_teacher = teacher->sampling();
      of_teacher.reject = sampling.reject;
      return teacher->sample(x, 1, observed.draws, options.seed, number, of_teacher);
    };
    const sample::Samples drawn = draw(options.sampling);
    observation.theta = drawn.values;
    observation.evaluations = drawn.evaluations;
    observation.outside = drawn.drawn - (observed.draws - drawn.unfilled());
    if (needs.fine) {
      // Draws that are drawn again would be compared with others.
      sample::SamplingOptions all = options.sampling;
      all.reject = false;
      const sample::Samples coarse = draw(all), fine = draw_finer(all);
      observation.fine_of_teacher = posterior.teacher() != nullptr;
      observation.draws_coarse = coarse.values;
      observation.draws_fine = fine.values;
      observation.evaluations_fine = fine.evaluations;
    }
    if (correction) weigh(*correction, static_cast<int64_t>(row), drawn, observation);
    if (needs.predictive)
      observation.predictive = simulate_at(drawn, row, posterior.shape(), observed, options);
    observations.push_back(std::move(observation));
  }
  return observations;
}

std::string likelihood_of(const ObservedOptions& observed, const data::DataShape& shape) {
  if (!observed.likelihood.empty()) return observed.likelihood;
  if (!shape.x_places.empty()) return "";
  const auto simulation = simulation_of(observed.run);
  return simulation ? simulation->task.value_or("") : "";
}

bool can_simulate(const std::string& run) {
  return simulation_of(run).has_value();
}

}  // namespace fluxsbi::evidence
