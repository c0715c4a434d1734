#include "diagnose/data_averaged.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/look/two_samples.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/pair_rows.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/tail.hpp"
#include "diagnose/uniformity.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view averaged_name = "data_averaged";
constexpr int64_t least_averaged_pairs = 50, most_draws = 50, picks = 1000;
constexpr uint32_t pick_stream = (3U << 30) + 8;  // and those of further variables behind it

// Values of variable j of each pair, theta* first, then draws.
std::vector<std::vector<double>> values_of(const Evidence& evidence, size_t j) {
  std::vector<std::vector<double>> values;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    std::vector<double> pair = {evidence.theta[static_cast<size_t>(n) * evidence.names.size() + j]};
    for (int64_t l = 0; l < std::min(evidence.draws, most_draws); ++l) {
      const auto draw = draw_of(evidence, n, l);
      if (is_filled(draw)) pair.push_back(draw[j]);
    }
    if (pair.size() > 1) values.push_back(std::move(pair));
  }
  return values;
}

// Puts the share of all values that are smaller (of equal ones half) in each value's place.
void replace_by_places(std::vector<std::vector<double>>& values) {
  std::vector<double> sorted;
  for (const auto& pair : values) sorted.insert(sorted.end(), pair.begin(), pair.end());
  std::sort(sorted.begin(), sorted.end());
  for (auto& pair : values) {
    for (double& value : pair) {
      const auto [first, last] = std::equal_range(sorted.begin(), sorted.end(), value);
      const auto twice = (first - sorted.begin()) + (last - sorted.begin());
      value = 0.5 * static_cast<double>(twice) / static_cast<double>(sorted.size());
    }
  }
}

struct Averaged {
  double distance = 0, p_value = 1, mean_place = 0.5;
};

Averaged compare(const Evidence& evidence, size_t j, uint64_t seed) {
  std::vector<std::vector<double>> places = values_of(evidence, j);
  replace_by_places(places);
  Averaged result;
  std::vector<double> picked;
  for (const auto& pair : places) picked.push_back(pair[0]);
  result.mean_place = 0;
  for (const double place : picked) result.mean_place += place / static_cast<double>(picked.size());
  result.distance = data::kolmogorov_smirnov_uniform(picked).distance;
  std::vector<double> null;
  for (int64_t k = 0; k < picks; ++k) {
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(k), pick_stream + static_cast<uint32_t>(j));
    for (size_t n = 0; n < places.size(); ++n) picked[n] = places[n][random.below(places[n].size())];
    null.push_back(data::kolmogorov_smirnov_uniform(picked).distance);
  }
  result.p_value = tail_probability(std::move(null), result.distance);
  return result;
}

Graph pooled_graph(const Evidence& evidence, size_t j) {
  constexpr int bins = 30;
  Graph graph;
  graph.kind = Graph::Kind::histogram;
  graph.title = "Draws of all pairs and true values of " + evidence.names[j];
  graph.x_label = evidence.names[j];
  graph.y_label = "share";
  const auto values = values_of(evidence, j);
  double low = values[0][0], high = low;
  for (const auto& pair : values) {
    low = std::min(low, *std::min_element(pair.begin(), pair.end()));
    high = std::max(high, *std::max_element(pair.begin(), pair.end()));
  }
  const double width = high > low ? (high - low) / bins : 1;
  for (int k = 0; k <= bins; ++k) graph.x.push_back(low + k * width);
  Graph::Curve draws{"draws", std::vector<double>(bins)}, truth{"theta*", std::vector<double>(bins)};
  const auto bin = [&](double value) {
    return static_cast<size_t>(std::clamp((value - low) / width, 0.0, bins - 1.0));
  };
  for (const auto& pair : values) {
    truth.y[bin(pair[0])] += 1 / static_cast<double>(values.size());
    for (size_t l = 1; l < pair.size(); ++l)
      draws.y[bin(pair[l])] += 1 / static_cast<double>(values.size() * (pair.size() - 1));
  }
  graph.curves = {std::move(draws), std::move(truth)};
  return graph;
}

constexpr const char* averaged_next =
    "Compare the prior of these pairs with the prior of the training data: with other pairs (--data) they "
    "may differ; with the same ones train longer (training.nsteps) or on more simulations "
    "(data.simulations).";

}  // namespace

std::vector<Finding> run_data_averaged(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, averaged_name);
  if (evidence.pairs < least_averaged_pairs)
    return {too_few_pairs(averaged_name, evidence.pairs, least_averaged_pairs)};
  std::vector<Averaged> found(evidence.names.size());
  core::for_each_in_parallel(evidence.theta_dim(), options.threads, [&](int64_t j) {
    found[static_cast<size_t>(j)] = compare(evidence, static_cast<size_t>(j), options.seed);
  });
  std::vector<Finding> findings;
  for (size_t j = 0; j < found.size(); ++j) {
    const std::string& name = evidence.names[j];
    Finding finding;
    finding.test = averaged_name;
    finding.variable = name;
    finding.statistic = "KS distance of theta* from draws of all pairs";
    finding.value = found[j].distance;
    finding.p_value = found[j].p_value;
    finding.meaning = "Draws of " + name +
                      " over all x are not distributed as its true values: they lie too " +
                      (found[j].mean_place > 0.5 ? "low" : "high") +
                      " on the whole, or spread otherwise, as under another prior.";
    finding.meaning_of_pass = "Draws of " + name + " over all x are distributed as its true values.";
    finding.next = averaged_next;
    finding.graphs.push_back(pooled_graph(evidence, j));
    findings.push_back(std::move(finding));
  }
  PairRowOptions rows;
  rows.with_x = rows.within_posterior = false;
  rows.seed = options.seed;
  const LearnedRank rank = learned_rank(make_pair_rows(evidence, rows, averaged_name), options.seed);
  Finding together;
  together.test = averaged_name;
  together.statistic =
      "mean rank of theta* among draws by a classifier of theta, on " + core::count_text(rank.pairs, "pair");
  together.value = rank.mean;
  together.low = 0.5;
  together.p_value = rank.p_value;
  together.meaning = "A classifier that sees theta alone takes theta* for likelier to be true than " +
                     percent_text(rank.mean) +
                     " of the draws: over all x they are not distributed as the true values.";
  together.meaning_of_pass =
      "A classifier that sees theta alone cannot tell draws over all x from true values.";
  together.next = averaged_next;
  together.graphs = uniformity_graphs(rank.pits, ecdf_band(rank.pairs, options.level, options.seed),
                                      options.level, "Ranks by a classifier of theta", "rank of theta*");
  findings.push_back(std::move(together));
  return findings;
}

}  // namespace fluxsbi::diagnose
