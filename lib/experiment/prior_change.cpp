#include "experiment/prior_change.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "sample/files/exact_numbers.hpp"

namespace fluxsbi::experiment {

namespace {

using nlohmann::json;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double trusted_shape = 0.7;  // of the largest weights (importance.hpp)
constexpr double most_outside = 0.01;  // of the new prior, beyond the training prior's support
constexpr int64_t probes = 20000;      // draws that find that share
constexpr size_t most_rows = 10;       // of which a warning speaks

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

void require_training_density(const sample::Posterior& posterior, const std::string& file) {
  const data::Prior* prior = posterior.prior();
  const std::string what = "--prior " + file + ": ";
  const std::string remedy =
      "; train with the prior that theta was drawn from in the section prior (docs/priors.md)";
  if (!prior)
    throw core::UserError(what +
                          "the model does not know the prior that it was trained under, so draws "
                          "cannot be weighed" +
                          remedy);
  if (prior->options().kind == data::PriorKind::custom)
    throw core::UserError(what +
                          "the model was trained with prior.kind: custom, a support without a "
                          "density, so draws cannot be weighed" +
                          remedy);
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

}  // namespace

PriorChange::PriorChange(const sample::Posterior& posterior, PriorChangeOptions options)
    : posterior_(posterior), options_(std::move(options)) {
  require_training_density(posterior, options_.file);
  const data::PriorOptions section = read_prior(options_.file);
  try {
    prior_ = data::make_prior(section, training_prior().dim());
  } catch (const core::UserError& problem) {
    throw core::UserError(options_.file + ": " + problem.what());
  }
  config::Writer writer;
  writer.add(data::prior_table(), section);
  text_ = writer.text();

  std::vector<std::vector<double>> draws(probes, std::vector<double>(static_cast<size_t>(prior_->dim())));
  core::Philox random(0, core::Purpose::prior);
  int64_t outside = 0;
  for (auto& theta : draws) {
    prior_->sample(random, theta);
    outside += training_prior().in_support(theta) ? 0 : 1;
  }
  if (outside == 0) return;
  const double share = static_cast<double>(outside) / probes;
  const std::string where = core::brief_text(100 * share) + " % of the prior of " + options_.file +
                            " lie outside the training prior's support, where nothing was learnt: " +
                            outside_text(training_prior(), draws, posterior.theta_names());
  if (share > most_outside)
    throw core::UserError(where + "; give a prior within it, or simulate and train with a wider one");
  core::log::warning(where + ": samples have none of it");
}

double PriorChange::log_ratio(std::span<const double> theta) const {
  const double ratio = prior_->log_prob(theta) - training_prior().log_prob(theta);
  // Nothing was learnt outside the training prior, and an end with an infinite density has no probability.
  return std::isfinite(ratio) ? ratio : -infinity;
}

bool PriorChange::enough(const sample::WeightQuality& quality) const {
  return quality.effective >= static_cast<double>(options_.least_effective);
}

void PriorChange::Rows::add(int64_t row, double value) {
  ++count;
  if (first.size() < most_rows)
    first.push_back("row " + std::to_string(row) + " (" + core::brief_text(value) + ")");
}

std::string PriorChange::Rows::text() const {
  const size_t others = static_cast<size_t>(count) - first.size();
  return core::join(first) + (others > 0 ? " " + core::and_more(others) : "");
}

void PriorChange::count(int64_t row, const sample::WeightQuality& quality) {
  least_ = rows_ == 0 ? quality.effective : std::min(least_, quality.effective);
  sum_ += quality.effective;
  ++rows_;
  if (!enough(quality)) {
    few_.add(row, quality.effective);
  } else if (quality.pareto_shape > trusted_shape) {
    heavy_.add(row, quality.pareto_shape);
  }
}

sample::SampleBlock PriorChange::choose(const sample::SampleBlock& pool, int64_t draws, uint64_t seed,
                                        int64_t first_row) {
  const auto size = static_cast<size_t>(pool.tokens * pool.channels), kept = static_cast<size_t>(draws);
  const auto each = static_cast<size_t>(pool_of(draws));
  core::require(pool.filled.size() % each == 0, "a pool holds whole rows");
  sample::SampleBlock chosen{pool.tokens, pool.channels, {}, {}};
  std::vector<double> log_weights(each);
  for (size_t begin = 0; begin < pool.filled.size(); begin += each) {
    const auto theta = [&](size_t i) { return std::span(pool.values).subspan((begin + i) * size, size); };
    for (size_t i = 0; i < each; ++i) {
      weighed_ += pool.filled[begin + i];
      log_weights[i] = pool.filled[begin + i] ? log_ratio(theta(i)) : -infinity;
    }
    const sample::WeightQuality quality = sample::judge_weights(log_weights);
    const int64_t row = first_row + rows_;
    count(row, quality);
    if (!enough(quality)) {
      chosen.values.resize(chosen.values.size() + kept * size, std::numeric_limits<double>::quiet_NaN());
      chosen.filled.resize(chosen.filled.size() + kept, 0);
      continue;
    }
    core::Philox random(seed, core::Purpose::reweighting, static_cast<uint64_t>(row));
    for (const size_t i : sample::resample(log_weights, kept, random)) {
      chosen.values.insert(chosen.values.end(), theta(i).begin(), theta(i).end());
      chosen.filled.push_back(1);
    }
  }
  return chosen;
}

int64_t PriorChange::finish() const {
  if (rows_ == 0) return 0;
  core::log::info("under the prior of " + options_.file + ", a row's draws are worth " +
                  core::brief_text(sum_ / static_cast<double>(rows_)) + " equal ones" +
                  (rows_ == 1 ? "" : " on average, " + core::brief_text(least_) + " at least"));
  if (few_.count > 0)
    core::log::warning("fewer than " + std::to_string(options_.least_effective) +
                       " effective draws (--min-effective): " + few_.text() +
                       ": these rows hold NaN; draw more (--pool), or train with a prior nearer to it");
  if (heavy_.count > 0)
    core::log::warning("few large weights decide (Pareto shape above 0.7): " + heavy_.text() +
                       ": do not trust these rows; draw more (--pool), or train with a prior nearer to it");
  return few_.count + heavy_.count;
}

void PriorChange::refuse(const std::string& output) const {
  throw core::UserError(output + ": no row has " + std::to_string(options_.least_effective) +
                        " effective draws under the prior of " + options_.file +
                        ", so nothing was written; draw more (--pool), train with a prior nearer to it, or "
                        "write the NaN with --partial");
}

std::string PriorChange::state() const {
  return json{{"rows", {rows_, weighed_}},
              {"worth", sample::exact_bits(std::vector{sum_, least_})},
              {"few", {few_.count, few_.first}},
              {"heavy", {heavy_.count, heavy_.first}}}
      .dump();
}

void PriorChange::restore(const std::string& state) {
  const json kept = json::parse(state);
  rows_ = kept.at("rows").at(0).get<int64_t>();
  weighed_ = kept.at("rows").at(1).get<int64_t>();
  const auto worth = sample::from_bits(kept.at("worth").get<std::vector<uint64_t>>());
  sum_ = worth.at(0);
  least_ = worth.at(1);
  const auto rows_of = [&](const char* name) {
    const json& of_kind = kept.at(name);
    return Rows{of_kind.at(0).get<int64_t>(), of_kind.at(1).get<std::vector<std::string>>()};
  };
  few_ = rows_of("few");
  heavy_ = rows_of("heavy");
}

}  // namespace fluxsbi::experiment
