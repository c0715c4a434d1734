#include "diagnose/prior_check.hpp"

#include <algorithm>

#include "core/text.hpp"
#include "data/look/two_samples.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view prior_name = "prior";
constexpr int64_t least_pairs = 20;

std::vector<double> column(const std::vector<double>& values, size_t j, size_t d) {
  std::vector<double> found;
  for (size_t i = j; i < values.size(); i += d) found.push_back(values[i]);
  return found;
}

// The share of values at or below each point.
std::vector<double> shares_below(std::vector<double> values, const std::vector<double>& points) {
  std::sort(values.begin(), values.end());
  std::vector<double> shares;
  for (const double point : points) {
    const auto below = std::upper_bound(values.begin(), values.end(), point) - values.begin();
    shares.push_back(static_cast<double>(below) / static_cast<double>(values.size()));
  }
  return shares;
}

Graph distribution_graph(const std::string& name, const std::vector<double>& theta,
                         const std::vector<double>& prior) {
  constexpr int points = 100;
  const auto [low, high] = std::minmax_element(prior.begin(), prior.end());
  Graph graph;
  graph.title = "Distribution of " + name;
  graph.x_label = name;
  graph.y_label = "share at or below";
  for (int k = 0; k <= points; ++k) graph.x.push_back(*low + (*high - *low) * k / points);
  graph.curves.push_back({"theta* of the pairs", shares_below(theta, graph.x)});
  graph.curves.push_back({"prior", shares_below(prior, graph.x)});
  return graph;
}

}  // namespace

std::vector<Finding> run_prior_check(const Evidence& evidence, const TestOptions&) {
  if (!evidence.prior_known) return {};
  if (evidence.pairs < least_pairs) return {too_few_pairs(prior_name, evidence.pairs, least_pairs)};
  const size_t d = evidence.names.size();
  std::vector<Finding> findings;
  for (size_t j = 0; j < d; ++j) {
    const std::string& name = evidence.names[j];
    const auto theta = column(evidence.theta, j, d), prior = column(evidence.prior, j, d);
    const auto ks = data::kolmogorov_smirnov(theta, prior);
    Finding finding;
    finding.test = prior_name;
    finding.variable = name;
    finding.statistic = "KS distance of theta* from the model's prior";
    finding.value = ks.distance;
    finding.p_value = ks.probability;
    finding.meaning = "The pairs do not come from the prior that the model knows of " + name +
                      ": the posteriors answer for a prior that is not that of the data.";
    finding.meaning_of_pass = "The pairs come from the model's prior of " + name + ".";
    finding.next =
        "Correct the section prior of the config to what " + name +
        " was drawn from and train again; if the data are wrong, simulate them anew from the prior.";
    finding.graphs.push_back(distribution_graph(name, theta, prior));
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
