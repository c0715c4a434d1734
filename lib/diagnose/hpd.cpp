#include "diagnose/hpd.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/uniformity.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view hpd_name = "hpd";

// u of each pair: the share of draws that are less likely than theta*.
std::vector<double> density_pits(const Evidence& evidence, uint64_t seed) {
  const auto draws = static_cast<size_t>(evidence.density_draws);
  std::vector<double> pits;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    const auto row = static_cast<size_t>(n);
    const std::span<const double> drawn(evidence.log_samples.data() + row * draws, draws);
    const bool none = std::all_of(drawn.begin(), drawn.end(), [](double v) { return std::isnan(v); });
    if (none || std::isnan(evidence.log_theta[row])) continue;
    core::Philox random(seed, room_purpose, row, static_cast<uint32_t>(evidence.theta_dim()));
    pits.push_back(rank_of(evidence.log_theta[row], drawn, random).pit);
  }
  return pits;
}

// Missing values of x that are inferred have no density, and that of the others is another one.
void check_complete(const Evidence& evidence) {
  const size_t width = evidence.names.size();
  std::set<int64_t> lacking;
  std::set<std::string> names;
  for (size_t i = 0; i < evidence.theta.size(); ++i) {
    if (!std::isnan(evidence.theta[i])) continue;
    lacking.insert(static_cast<int64_t>(i / width));
    names.insert(evidence.names[i % width]);
  }
  if (lacking.empty()) return;
  const std::vector<std::string> list(names.begin(), names.end());
  throw core::UserError(
      "hpd: " + std::to_string(lacking.size()) + " of " + core::count_text(evidence.pairs, "pair") +
      " lack values of what is inferred (" + core::list_first(list) +
      "), which have no density; give pairs without missing values by --data, or name those columns "
      "in --given-names");
}

Graph expected_coverage(std::span<const double> u, const EcdfBand& band) {
  Graph graph;
  graph.title = "Expected coverage of highest-density regions";
  graph.x_label = "share of the posterior inside the region";
  graph.y_label = "share of theta* inside";
  graph.x = band.at;
  graph.low = band.low;
  graph.high = band.high;
  graph.diagonal = true;
  Graph::Curve curve{"coverage", {}};
  for (const double level : band.at) {
    const auto inside = std::count_if(u.begin(), u.end(), [level](double v) { return 1 - v <= level; });
    curve.y.push_back(static_cast<double>(inside) / static_cast<double>(u.size()));
  }
  graph.curves.push_back(std::move(curve));
  return graph;
}

Fault density_fault(const Uniformity& found) {
  if (found.fault == Fault::too_high) return Fault::too_narrow;  // theta* where the density is low
  if (found.fault == Fault::too_low) return Fault::too_wide;
  return Fault::other;
}

std::string density_meaning(Fault fault) {
  switch (fault) {
    case Fault::too_narrow:
      return "theta* lies where the density is low too often: regions of highest density hold fewer true "
             "values than their share, so the posterior is too narrow, or lies elsewhere.";
    case Fault::too_wide:
      return "theta* lies where the density is high too often: regions of highest density hold more true "
             "values than their share, so the posterior is too wide.";
    default:
      return "The density at theta* ranks unevenly among that at the draws, neither too low nor too high as "
             "a whole: tails and centre err in opposite ways.";
  }
}

}  // namespace

std::vector<Finding> run_hpd(const Evidence& evidence, const TestOptions& options) {
  const int64_t numbers = evidence.pairs * evidence.density_draws;
  core::require(
      std::ssize(evidence.log_theta) == evidence.pairs && std::ssize(evidence.log_samples) == numbers,
      "log-densities have other sizes than the pairs");
  const auto is_nan = [](double value) { return std::isnan(value); };
  check_complete(evidence);
  const auto lost = std::count_if(evidence.log_theta.begin(), evidence.log_theta.end(), is_nan);
  check_unfilled(lost, evidence.pairs, "log-densities of theta*", hpd_name);
  check_unfilled(std::count_if(evidence.log_samples.begin(), evidence.log_samples.end(), is_nan), numbers,
                 "log-densities of draws", hpd_name);
  const std::vector<double> pits = density_pits(evidence, options.seed);
  if (std::ssize(pits) < least_uniform) return {too_few_pairs(hpd_name, std::ssize(pits), least_uniform)};

  const Uniformity found = uniformity(pits);
  const EcdfBand band = ecdf_band(std::ssize(pits), options.level, options.seed);
  const Fault fault = density_fault(found);
  Finding finding;
  finding.test = hpd_name;
  finding.statistic = "KS distance of the ranks of log q(theta*) from uniform (p = " +
                      core::brief_text(found.ks_probability) +
                      "; chi-square p = " + core::brief_text(found.chi_probability) + ")";
  finding.value = found.distance;
  finding.p_value = found.p_value;
  finding.meaning = density_meaning(fault);
  finding.meaning_of_pass = "Regions of highest density hold their share of the true values.";
  finding.next = advice(fault);
  finding.graphs =
      uniformity_graphs(pits, band, options.level, "Ranks of the density", "rank of log q(theta*)");
  finding.graphs.insert(finding.graphs.begin(), expected_coverage(pits, band));
  return {std::move(finding)};
}

}  // namespace fluxsbi::diagnose
