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
#include "experiment/correction.hpp"
#include "experiment/observation_check.hpp"

namespace fluxsbi::evidence {

namespace {

constexpr double most_spread = 0.5;  // of log p(x) over theta, beyond which a model contradicts itself
constexpr size_t most_lines = 10;

// Each row of x in `forms` forms, one after the other.
std::vector<double> in_forms(std::span<const double> x, int64_t rows, size_t forms,
                             std::span<const data::SignedPermutation> of) {
  const size_t size = of.front().size();
  std::vector<double> all(static_cast<size_t>(rows) * forms * size);
  for (size_t row = 0; std::cmp_less(row, rows); ++row) {
    for (size_t f = 0; f < forms; ++f)
      of[f].apply(x.subspan(row * size, size), std::span(all).subspan((row * forms + f) * size, size));
  }
  return all;
}

// By which draws have the density that is computed.
sample::SamplingOptions for_weights(sample::SamplingOptions options) {
  options.solver = "auto";
  options.guidance_scale = 1;
  options.reject = false;
  return experiment::for_weighing(options);
}

// [draws of all rows, theta and x], and which draw each is; those outside the prior's support, where w is 0,
// are left out.
struct JointRows {
  std::vector<double> values;
  std::vector<size_t> item;
};

JointRows beside_x(const sample::Samples& samples, std::span<const double> x, size_t x_size,
                   const data::Prior* prior, std::vector<double>& log_weights) {
  JointRows joint;
  const auto size = static_cast<size_t>(samples.tokens * samples.channels);
  for (size_t i = 0; i < samples.filled.size(); ++i) {
    if (!samples.filled[i]) continue;
    const auto theta = std::span(samples.values).subspan(i * size, size);
    if (prior && !prior->in_support(theta)) {
      log_weights[i] = -std::numeric_limits<double>::infinity();
      continue;
    }
    joint.values.insert(joint.values.end(), theta.begin(), theta.end());
    const auto own = x.subspan(i / static_cast<size_t>(samples.draws) * x_size, x_size);
    joint.values.insert(joint.values.end(), own.begin(), own.end());
    joint.item.push_back(i);
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
                     ": the model's answers, of which log p(x) is made, contradict each other; train it "
                     "longer or on more simulations before you trust a Bayes factor");
}

}  // namespace

LogEvidence log_evidence(std::span<const double> log_weights) {
  std::vector<double> logs;  // of weights above 0
  int64_t draws = 0;
  for (const double value : log_weights) {
    if (std::isnan(value) || value == std::numeric_limits<double>::infinity()) continue;
    ++draws;
    if (std::isfinite(value)) logs.push_back(value);
  }
  if (draws < 2 || logs.empty()) {
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    return {unknown, unknown, unknown, draws};
  }
  const auto count = static_cast<double>(draws), above = static_cast<double>(logs.size());
  const double most = *std::max_element(logs.begin(), logs.end());
  double mean = 0, mean_log = 0;
  for (const double value : logs) {
    mean += std::exp(value - most) / count;
    mean_log += value / above;
  }
  double squares = (count - above) * mean * mean, squares_of_logs = 0;  // the first: of weights that are 0
  for (const double value : logs) {
    squares += std::pow(std::exp(value - most) - mean, 2);
    squares_of_logs += (value - mean_log) * (value - mean_log);
  }
  return {most + std::log(mean), std::sqrt(squares / (count - 1) / count) / mean,
          std::sqrt(squares_of_logs / std::max(above - 1, 1.0)), draws};
}

std::vector<LogEvidence> find_evidence(JointModel& model, std::span<const double> x, int64_t rows,
                                       int64_t draws, uint64_t seed, const sample::SamplingOptions& options,
                                       const sample::Progress& progress) {
  sample::Posterior& posterior = model.asked();
  const data::DataShape& shape = posterior.shape();
  const auto size = static_cast<size_t>(shape.theta_size()), x_size = static_cast<size_t>(shape.x_size());
  const auto forms = static_cast<int64_t>(
      std::min(model.parts.forms.size(), static_cast<size_t>(std::max<int64_t>(draws, 1))));
  const int64_t of_form = (draws + forms - 1) / forms;
  const std::vector<double> asked = in_forms(x, rows, static_cast<size_t>(forms), model.parts.forms);
  const sample::SamplingOptions accurate = for_weights(options);
  const auto samples = posterior.sample(asked, rows * forms, of_form, seed, 0, accurate);
  std::vector<double> log_weights(samples.filled.size(), std::numeric_limits<double>::quiet_NaN());
  const JointRows all = beside_x(samples, asked, x_size, posterior.prior(), log_weights);
  const auto count = std::ssize(all.item);
  sample::GivenMask open(static_cast<size_t>(shape.theta_dim + shape.x_dim), 0), given_x = open;
  std::fill(given_x.begin() + shape.theta_dim, given_x.end(), uint8_t{1});
  if (model.parts.by_prior) std::fill(open.begin(), open.begin() + shape.theta_dim, uint8_t{1});
  const auto part = [&](int64_t number) -> sample::Progress {
    if (!progress) return {};
    return [&progress, number](int64_t done, int64_t total) { progress(number * total + done, 2 * total); };
  };
  sample::LogProbs numerator, conditional;
  if (count > 0) {
    numerator = posterior.log_prob_given(all.values, count, open, {}, accurate, part(0));
    conditional = posterior.log_prob_given(all.values, count, given_x, {}, accurate, part(1));
  }
  for (size_t i = 0; i < all.item.size(); ++i) {
    double& found = log_weights[all.item[i]];
    found = numerator.values[i] - conditional.values[i];
    if (model.parts.by_prior)
      found += posterior.prior()->log_prob(std::span(all.values).subspan(i * (size + x_size), size));
  }
  std::vector<LogEvidence> found;
  const auto of_row = static_cast<size_t>(forms * of_form);
  for (size_t row = 0; std::cmp_less(row, rows); ++row)
    found.push_back(log_evidence(std::span(log_weights).subspan(row * of_row, of_row)));
  return found;
}

EvidenceTable compare_evidence(const EvidenceRequest& request,
                               const std::function<sample::Progress(const std::string&)>& progress) {
  check_names(request.models);
  std::vector<JointModel> models;
  for (const std::string& model : request.models) models.push_back(open_joint(model, request.execution));
  EvidenceTable table;
  std::vector<std::vector<double>> observed;
  for (size_t m = 0; m < models.size(); ++m) {
    const sample::Posterior &own = models[m].posterior, &first = models[0].posterior;
    if (own.shape().x_size() != first.shape().x_size() || own.x_names() != first.x_names())
      throw core::UserError(request.models[m] + " and " + request.models[0] +
                            " have another x, so their p(x) are of different things");
    auto x = data::load_observations(request.x, own.shape(), own.x_names(), false);
    table.rows = x.rows;
    observed.push_back(std::move(x.x));
  }
  for (size_t m = 0; m < models.size(); ++m) {
    sample::Posterior& posterior = models[m].posterior;
    const std::string& name = request.models[m];
    core::log::info("asking " + name);
    SimulatorEvidence found{
        name, models[m].parts.by_prior, {}, std::vector<uint8_t>(static_cast<size_t>(table.rows))};
    for (const int64_t row :
         experiment::check_observations(posterior, observed[m], {0, table.rows}, request.x, false))
      found.unlike[static_cast<size_t>(row)] = 1;
    found.rows =
        find_evidence(models[m], observed[m], table.rows, request.draws, request.seed, posterior.sampling(),
                      progress ? progress("log-densities of " + name) : nullptr);
    table.models.push_back(std::move(found));
    warn_of_spread(table.models.back());
  }
  warn_of_unlike(table, request.x);
  return table;
}

}  // namespace fluxsbi::evidence
