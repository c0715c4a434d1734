#include "evidence/model_evidence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "data/files/observations.hpp"
#include "evidence/comparison.hpp"
#include "experiment/observation_check.hpp"
#include "experiment/open_posterior.hpp"

namespace fluxsbi::evidence {

namespace {

constexpr double most_spread = 0.5;  // of log p(x) over theta, beyond which a model contradicts itself
constexpr size_t most_lines = 10;

// [draws of all rows, theta and x], and which row each is of.
struct JointRows {
  std::vector<double> values;
  std::vector<int64_t> row;
};

JointRows beside_x(const sample::Samples& samples, std::span<const double> x, size_t x_size) {
  JointRows joint;
  const auto size = static_cast<size_t>(samples.tokens * samples.channels);
  for (size_t i = 0; i < samples.filled.size(); ++i) {
    if (!samples.filled[i]) continue;
    const auto row = static_cast<size_t>(static_cast<int64_t>(i) / samples.draws);
    const auto theta = samples.values.begin() + static_cast<ptrdiff_t>(i * size);
    joint.values.insert(joint.values.end(), theta, theta + static_cast<ptrdiff_t>(size));
    const auto own = x.subspan(row * x_size, x_size);
    joint.values.insert(joint.values.end(), own.begin(), own.end());
    joint.row.push_back(static_cast<int64_t>(row));
  }
  return joint;
}

void warn_of_unlike(const EvidenceTable& table, const std::string& file) {
  std::vector<std::string> rows;
  for (size_t row = 0; std::cmp_less(row, table.rows); ++row) {
    const bool all = std::all_of(table.models.begin(), table.models.end(),
                                 [&](const SimulatorEvidence& model) { return model.unlike[row] != 0; });
    if (all) rows.push_back("row " + std::to_string(row));
  }
  if (rows.empty()) return;
  core::log::warning(file +
                     ": unlike the training data of every model: " + core::list_first(rows, most_lines) +
                     "; the numbers say which simulator is less wrong there, not that one is right");
}

void warn_of_spread(const SimulatorEvidence& model) {
  std::vector<std::string> rows;
  for (size_t row = 0; row < model.rows.size(); ++row) {
    if (model.rows[row].spread > most_spread)
      rows.push_back("row " + std::to_string(row) + " (" + core::brief_text(model.rows[row].spread) + ")");
  }
  if (rows.empty()) return;
  core::log::warning(model.name + ": log p(x) differs from draw to draw by a standard deviation above 0.5: " +
                     core::list_first(rows, most_lines) +
                     ": the model's joint distribution and its posterior contradict each other; train it "
                     "longer or on more simulations before you trust a Bayes factor");
}

sample::Posterior open_joint(const EvidenceRequest& request, const std::string& model) {
  sample::Posterior posterior = experiment::open_posterior(model, request.execution, "float32");
  if (!posterior.joint())
    throw core::UserError(model +
                          " has learned theta given x alone, which tells nothing of p(x); train "
                          "flux1joint or simformer");
  if (posterior.shape().x_dim == 0)
    throw core::UserError(model + " was trained without x, so that there is no p(x) to compare");
  return posterior;
}

}  // namespace

LogEvidence log_evidence(std::span<const double> joint, std::span<const double> conditional) {
  core::require(joint.size() == conditional.size(), "two log-densities of each draw");
  std::vector<double> values;
  for (size_t i = 0; i < joint.size(); ++i) {
    const double value = joint[i] - conditional[i];
    if (std::isfinite(value)) values.push_back(value);
  }
  const auto count = static_cast<double>(values.size());
  if (values.size() < 2) {
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    return {unknown, unknown, unknown, std::ssize(values)};
  }
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double spread = std::sqrt(squares / (count - 1));
  return {mean, spread / std::sqrt(count), spread, std::ssize(values)};
}

std::vector<LogEvidence> find_evidence(sample::Posterior& posterior, std::span<const double> x, int64_t rows,
                                       int64_t draws, uint64_t seed, const sample::SamplingOptions& options,
                                       const sample::Progress& progress) {
  const data::DataShape& shape = posterior.shape();
  const auto samples = posterior.sample(x, rows, draws, seed, 0, options);
  const JointRows all = beside_x(samples, x, static_cast<size_t>(shape.x_size()));
  const auto count = std::ssize(all.row);
  sample::GivenMask open(static_cast<size_t>(shape.theta_dim + shape.x_dim), 0), given_x = open;
  std::fill(given_x.begin() + shape.theta_dim, given_x.end(), uint8_t{1});
  const auto part = [&](int64_t number) -> sample::Progress {
    if (!progress) return {};
    return [&progress, number](int64_t done, int64_t total) { progress(number * total + done, 2 * total); };
  };
  sample::SamplingOptions density = options;
  density.solver = "auto";
  density.steps.reset();
  const auto joint = posterior.log_prob_given(all.values, count, open, {}, density, part(0));
  const auto conditional = posterior.log_prob_given(all.values, count, given_x, {}, density, part(1));
  std::vector<std::vector<double>> of_joint(static_cast<size_t>(rows)), of_conditional = of_joint;
  for (size_t i = 0; i < all.row.size(); ++i) {
    of_joint[static_cast<size_t>(all.row[i])].push_back(joint.values[i]);
    of_conditional[static_cast<size_t>(all.row[i])].push_back(conditional.values[i]);
  }
  std::vector<LogEvidence> found;
  for (size_t row = 0; row < of_joint.size(); ++row)
    found.push_back(log_evidence(of_joint[row], of_conditional[row]));
  return found;
}

EvidenceTable compare_evidence(const EvidenceRequest& request,
                               const std::function<sample::Progress(const std::string&)>& progress) {
  check_names(request.models);
  std::vector<sample::Posterior> posteriors;
  for (const std::string& model : request.models) posteriors.push_back(open_joint(request, model));
  EvidenceTable table;
  std::vector<std::vector<double>> observed;
  for (size_t m = 0; m < posteriors.size(); ++m) {
    if (posteriors[m].shape().x_size() != posteriors[0].shape().x_size() ||
        posteriors[m].x_names() != posteriors[0].x_names())
      throw core::UserError(request.models[m] + " and " + request.models[0] +
                            " have another x, so their p(x) are of different things");
    auto x = data::load_observations(request.x, posteriors[m].shape(), posteriors[m].x_names(), false);
    table.rows = x.rows;
    observed.push_back(std::move(x.x));
  }
  for (size_t m = 0; m < posteriors.size(); ++m) {
    sample::Posterior& posterior = posteriors[m];
    const std::string& name = request.models[m];
    core::log::info("asking " + name);
    SimulatorEvidence found{name, {}, std::vector<uint8_t>(static_cast<size_t>(table.rows))};
    for (const int64_t row :
         experiment::check_observations(posterior, observed[m], {0, table.rows}, request.x, false))
      found.unlike[static_cast<size_t>(row)] = 1;
    found.rows =
        find_evidence(posterior, observed[m], table.rows, request.draws, request.seed, posterior.sampling(),
                      progress ? progress("log-densities of " + name) : nullptr);
    table.models.push_back(std::move(found));
    warn_of_spread(table.models.back());
  }
  warn_of_unlike(table, request.x);
  return table;
}

}  // namespace fluxsbi::evidence
