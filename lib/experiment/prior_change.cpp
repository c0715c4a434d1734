#include "experiment/prior_change.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double most_outside = 0.01;    // of the new prior, beyond the training prior's support
constexpr int64_t probes = 20000;        // draws that find that share
constexpr size_t reference_draws = 100;  // of the posterior, whose densities are usual ones
constexpr double least_usual = 0.5;      // of the weights, at such densities

data::PriorOptions read_prior(const std::string& file) {
  const config::Value document = config::load_yaml(file);
  data::PriorOptions options;
  config::Reader reader(document);
  reader.read(data::prior_table(), options);
  data::resolve(options, reader);
  for (const std::string& warning : reader.finish()) core::log::warning(warning);
  if (options.kind == data::PriorKind::none)
    throw core::UserError(file +
                          " holds no section prior; write, for example, prior: {kind: box, low: "
                          "[0, 0], high: [1, 2]}");
  if (options.kind == data::PriorKind::custom)
    throw core::UserError(file +
                          ": prior.kind: custom is a support without a density, so draws cannot be "
                          "weighed; give box, normal, lognormal or prior.parameters");
  return options;
}

// Where the new prior leaves the training prior's support: "theta_0: 12 % of it".
std::string outside_text(const data::Prior& training, const std::vector<std::vector<double>>& draws,
                         const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < names.size() && std::cmp_less(i, training.dim()); ++i) {
    int64_t out = 0;
    for (const auto& theta : draws) out += training.component_in_support(i, theta[i]) ? 0 : 1;
    if (out == 0) continue;
    const auto [low, high] = training.ends(i);
    parts.push_back(names[i] + " (" +
                    core::brief_text(100.0 * static_cast<double>(out) / static_cast<double>(draws.size())) +
                    " % of it outside [" + core::brief_text(low) + ", " + core::brief_text(high) + "])");
  }
  return core::list_first(parts, 6);
}

// The share of the weights that points with a log_q of `least` or more have.
double share_above(std::span<const double> log_weights, std::span<const double> log_q, double least) {
  const double largest = std::ranges::max(log_weights);
  if (largest == -infinity) return 0;
  double all = 0, above = 0;
  for (size_t i = 0; i < log_weights.size(); ++i) {
    const double weight = std::exp(log_weights[i] - largest);
    all += weight;
    if (log_q[i] >= least) above += weight;
  }
  return above / all;
}

}  // namespace

const data::Prior& training_prior_of(const sample::Posterior& posterior, const std::string& asked) {
  const data::Prior* prior = posterior.prior();
  const std::string remedy =
      "; train with the prior that theta was drawn from in the section prior (docs/priors.md)";
  if (!prior)
    throw core::UserError(asked +
                          ": the model does not know the prior that it was trained under, so draws cannot be "
                          "weighed" +
                          remedy);
  if (prior->options().kind == data::PriorKind::custom)
    throw core::UserError(asked +
                          ": the model was trained with prior.kind: custom, a support without a density, so "
                          "draws cannot be weighed" +
                          remedy);
  return *prior;
}

PriorChange::PriorChange(sample::Posterior& posterior, std::string file, std::span<const double> x,
                         const sample::SamplingOptions& sampling)
    : posterior_(posterior),
      training_(training_prior_of(posterior, "--prior " + file)),
      x_(x),
      densities_(accurate_densities(sampling)),
      file_(std::move(file)) {
  data::PriorOptions section = read_prior(file_);
  data::follow_names(section, posterior.theta_names(), file_);
  try {
    prior_ = data::make_prior(section, training_.dim());
  } catch (const core::UserError& problem) {
    throw core::UserError(file_ + ": " + problem.what());
  }
  ratio_.emplace(training_, *prior_);
  config::Writer writer;
  writer.add(data::prior_table(), section);
  text_ = writer.text();

  std::vector<std::vector<double>> draws(probes, std::vector<double>(static_cast<size_t>(prior_->dim())));
  core::Philox random(0, core::Purpose::prior);
  int64_t outside = 0;
  for (auto& theta : draws) {
    prior_->sample(random, theta);
    outside += training_.in_support(theta) ? 0 : 1;
  }
  if (outside == 0) return;
  const double share = static_cast<double>(outside) / probes;
  const std::string where = core::brief_text(100 * share) + " % of the prior of " + file_ +
                            " lie outside the training prior's support, where nothing was learnt: " +
                            outside_text(training_, draws, posterior.theta_names());
  if (share > most_outside)
    throw core::UserError(where + "; give a prior within it, or simulate and train with a wider one");
  core::log::warning(where + ": the posterior has none of it");
}

std::vector<double> PriorChange::log_weights(std::span<const double> theta, int64_t) {
  const auto size = static_cast<size_t>(prior_->dim());
  std::vector<double> found;
  for (size_t first = 0; first < theta.size(); first += size)
    found.push_back(ratio_->log_ratio(theta.subspan(first, size)));
  return found;
}

std::vector<double> PriorChange::log_density(std::span<const double> theta, int64_t row) {
  const auto length = static_cast<size_t>(posterior_.shape().x_size());
  const auto x = x_.subspan(static_cast<size_t>(row) * length, length);
  return posterior_.log_prob(theta, std::ssize(theta) / training_.dim(), x, 1, {}, densities_).values;
}

WeightedPoints PriorChange::other_points(int64_t row, int64_t count, std::span<const double> draws,
                                         core::Philox& random) {
  const auto size = static_cast<size_t>(training_.dim());
  if (x_.empty() || draws.empty()) return {};
  core::log::info_once("few of the model's draws lie in the prior of " + file_ +
                       ", so draws of that prior are weighed by the model's density, " +
                       std::to_string(count) + " for each such row, which takes longer");
  WeightedPoints points;
  points.theta.resize(static_cast<size_t>(count) * size);
  for (int64_t i = 0; i < count; ++i)
    prior_->sample(random, std::span(points.theta).subspan(static_cast<size_t>(i) * size, size));
  const std::vector<double> log_q = log_density(points.theta, row);
  for (size_t i = 0; i < log_q.size(); ++i) {
    const double weight = log_q[i] - training_.log_prob(std::span(points.theta).subspan(i * size, size));
    points.log_weights.push_back(std::isfinite(weight) ? weight : -infinity);
  }
  // The lowest of so many densities has about a hundredth of the mass below it.
  const size_t judges = std::min(draws.size() / size, reference_draws);
  std::vector<double> usual = log_density(draws.first(judges * size), row);
  std::erase_if(usual, [](double value) { return !std::isfinite(value); });
  if (usual.empty() || share_above(points.log_weights, log_q, std::ranges::min(usual)) < least_usual)
    return {};
  return points;
}

}  // namespace fluxsbi::experiment
