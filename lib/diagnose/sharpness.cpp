#include "diagnose/sharpness.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view sharpness_name = "sharpness";
constexpr int64_t least_width_draws = 10;
constexpr double uninformative = 0.95;

// The contraction 1 - variance / prior variance and the z-score of each pair (Betancourt 2018, arXiv
// 1803.08393).
Graph contraction_graph(const std::string& name) {
  Graph graph;
  graph.kind = Graph::Kind::points;
  graph.title = "Contraction and error of " + name;
  graph.x_label = "1 - posterior variance / prior variance";
  graph.y_label = "(posterior mean - theta*) / posterior sd";
  graph.expected = 0;
  graph.curves.push_back({"pairs", {}});
  return graph;
}

Finding contraction(const Evidence& evidence, size_t j) {
  const size_t d = evidence.names.size();
  const std::string& name = evidence.names[j];
  const double prior = moments_of(evidence.prior.empty() ? evidence.theta : evidence.prior, j, d).deviation;
  const auto length = static_cast<size_t>(evidence.draws) * d;
  std::vector<double> ratios;
  Graph graph = contraction_graph(name);
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    const auto draws = std::span(evidence.samples).subspan(static_cast<size_t>(n) * length, length);
    const Moments moments = moments_of(draws, j, d);
    if (moments.count < 2 || !(prior > 0)) continue;
    const double ratio = moments.deviation / prior;
    ratios.push_back(ratio);
    graph.x.push_back(1 - ratio * ratio);
    const double off = moments.mean - evidence.theta[static_cast<size_t>(n) * d + j];
    graph.curves[0].y.push_back(moments.deviation > 0 ? off / moments.deviation : 0);
  }
  const Moments all = moments_of(ratios);
  Finding finding;
  finding.test = sharpness_name;
  finding.variable = name;
  finding.statistic = "posterior sd over prior sd";
  finding.value = all.count > 0 ? all.mean : std::nan("");
  finding.standard_error = all.standard_error();
  if (all.mean > uninformative) {
    finding.meaning = "The posterior of " + name +
                      " is as wide as the prior: x says nothing about it, or the model has " +
                      "not learned what it says.";
    finding.next = "If x should say something about " + name +
                   ", train longer (training.nsteps) or give x an embedding "
                   "network (embedding.network), and look at lc2st, which tells the two apart.";
  } else {
    finding.meaning = "The posterior of " + name + " is " + core::brief_text(all.mean) +
                      " times as wide as the prior, averaged over the pairs.";
  }
  finding.graphs.push_back(std::move(graph));
  return finding;
}

Finding expected_log_density(const Evidence& evidence) {
  std::vector<double> finite;
  for (const double value : evidence.log_theta) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  const auto left_out = std::ssize(evidence.log_theta) - std::ssize(finite);
  const Moments moments = moments_of(finite);
  Finding finding;
  finding.test = sharpness_name;
  finding.statistic = "mean of log q(theta* | x)";
  finding.value = finite.empty() ? std::nan("") : moments.mean;
  finding.standard_error = moments.standard_error();
  finding.meaning =
      "Of two runs on the same pairs the one with the higher value is nearer to the right posterior.";
  if (left_out > 0) {
    finding.meaning += " " + std::to_string(left_out) + " of " + core::count_text(evidence.pairs, "pair") +
                       " are left out, because the density at theta* is zero or not a number there.";
    finding.next =
        "Look at these pairs first: a true value to which the posterior gives no density is a worse fault "
        "than any mean shows.";
  }
  return finding;
}

}  // namespace

std::vector<Finding> run_sharpness(const Evidence& evidence, const TestOptions&) {
  check_samples(evidence, sharpness_name);
  if (evidence.pairs < 2) return {too_few_pairs(sharpness_name, evidence.pairs, 2)};
  std::vector<Finding> findings;
  if (evidence.draws >= least_width_draws) {
    for (size_t j = 0; j < evidence.names.size(); ++j) findings.push_back(contraction(evidence, j));
  }
  if (!evidence.log_theta.empty()) findings.push_back(expected_log_density(evidence));
  return findings;
}

}  // namespace fluxsbi::diagnose
