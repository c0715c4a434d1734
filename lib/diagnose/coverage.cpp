#include "diagnose/coverage.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/binomial.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view coverage_name = "coverage";
constexpr std::array<double, 4> levels = {0.5, 0.8, 0.9, 0.95};
constexpr int64_t least_covered_pairs = 50, grid_points = 512;
constexpr double quartile_range_of_normal = 1.34, kernel_reach = 4;

// Kernel width in the values' units; 0 where they do not vary.
double silverman_width(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean) / n;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double range = sorted[sorted.size() * 3 / 4] - sorted[sorted.size() / 4];
  const double deviation = std::sqrt(squares);
  const double scale = range > 0 ? std::min(deviation, range / quartile_range_of_normal) : deviation;
  return 0.9 * scale * std::pow(n, -0.2);
}

// Pairs whose theta*_j lies inside, as the smallest level of an interval that holds it, in [0, 1].
struct InsideFrom {
  std::vector<double> central, highest;
};

InsideFrom inside_from(const Evidence& evidence, int64_t j, uint64_t seed) {
  InsideFrom result;
  for (const Rank& rank : ranks_of_variable(evidence, j, seed))
    result.central.push_back(std::abs(2 * rank.pit - 1));
  const auto column = static_cast<size_t>(j);
  std::vector<double> values;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    values.assign(1, evidence.theta[static_cast<size_t>(n) * evidence.names.size() + column]);
    for (int64_t l = 0; l < evidence.draws; ++l) {
      const auto draw = draw_of(evidence, n, l);
      if (is_filled(draw)) values.push_back(draw[column]);
    }
    if (values.size() == 1) continue;
    const std::vector<double> density = kernel_densities(values);
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(n),
                        static_cast<uint32_t>(evidence.theta_dim() + 1 + j));
    result.highest.push_back(1 - rank_of(density[0], std::span(density).subspan(1), random).pit);
  }
  return result;
}

int64_t count_inside(std::span<const double> from, double level) {
  return std::count_if(from.begin(), from.end(), [level](double value) { return value <= level; });
}

Graph coverage_graph(std::span<const double> from, const std::string& title, double band_level) {
  constexpr int points = 50;
  Graph graph;
  graph.title = title;
  graph.x_label = "share of the posterior inside the interval";
  graph.y_label = "share of theta* inside";
  graph.diagonal = true;
  Graph::Curve curve{"coverage", {}};
  const auto n = static_cast<double>(from.size());
  for (int k = 1; k < points; ++k) {
    const double level = static_cast<double>(k) / points;
    const BinomialBand band = binomial_band(std::ssize(from), level, band_level);
    graph.x.push_back(level);
    graph.low.push_back(static_cast<double>(band.low) / n);
    graph.high.push_back(static_cast<double>(band.high) / n);
    curve.y.push_back(static_cast<double>(count_inside(from, level)) / n);
  }
  graph.curves.push_back(std::move(curve));
  return graph;
}

Finding judge_coverage(std::span<const double> from, const std::string& kind, const std::string& name,
                       double band_level) {
  const int64_t n = std::ssize(from);
  double least = 2, chosen = 0;
  for (const double level : levels) {
    const double p = binomial_p_value(count_inside(from, level), n, level);
    if (p < least) {
      least = p;
      chosen = level;
    }
  }
  const double share = static_cast<double>(count_inside(from, chosen)) / static_cast<double>(n);
  const BinomialBand band = binomial_band(n, chosen, band_level);
  const bool narrow = share < chosen;
  Finding finding;
  finding.test = coverage_name;
  finding.variable = name;
  finding.statistic = "share of true values inside " + kind + " " + percent_text(chosen) + " intervals";
  finding.value = share;
  finding.low = static_cast<double>(band.low) / static_cast<double>(n);
  finding.high = static_cast<double>(band.high) / static_cast<double>(n);
  finding.p_value = std::min(1.0, static_cast<double>(levels.size()) * least);
  finding.meaning = "Intervals of " + name + " that should hold " + percent_text(chosen) +
                    " of the true values hold " + percent_text(share) + ": " +
                    (narrow ? "they are too narrow, or lie beside them." : "they are too wide.");
  finding.meaning_of_pass = "Intervals of " + name + " hold the true values as often as they say.";
  finding.next = advice(narrow ? Fault::too_narrow : Fault::too_wide);
  finding.graphs.push_back(coverage_graph(from, "Coverage of " + kind + " intervals of " + name, band_level));
  return finding;
}

}  // namespace

std::vector<double> kernel_densities(std::span<const double> values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double width = silverman_width(values);
  if (!(width > 0) || !std::isfinite(*high - *low)) return std::vector<double>(values.size(), 1.0);
  const double step = (*high - *low) / static_cast<double>(grid_points - 1);
  const auto place = [&, first = *low](double value) {
    return std::clamp((value - first) / step, 0.0, static_cast<double>(grid_points - 1));
  };
  std::vector<double> mass(grid_points + 1), smooth(grid_points + 1);
  for (const double value : values) {
    const double at = place(value);
    const auto left = static_cast<size_t>(at);
    mass[left] += 1 - (at - std::floor(at));
    mass[left + 1] += at - std::floor(at);
  }
  // A kernel narrower than a step of the grid is as wide as one.
  const double in_steps = std::max(width / step, 1.0);
  const auto reach = std::min<int64_t>(static_cast<int64_t>(kernel_reach * in_steps) + 1, grid_points);
  for (int64_t k = -reach; k <= reach; ++k) {
    const double z = static_cast<double>(k) / in_steps, weight = std::exp(-0.5 * z * z);
    for (int64_t i = std::max<int64_t>(0, -k); i < std::min(grid_points, grid_points - k); ++i)
      smooth[static_cast<size_t>(i)] += weight * mass[static_cast<size_t>(i + k)];
  }
  std::vector<double> density;
  density.reserve(values.size());
  for (const double value : values) {
    const double at = place(value), part = at - std::floor(at);
    const auto left = static_cast<size_t>(at);
    density.push_back((1 - part) * smooth[left] + part * smooth[left + 1]);
  }
  return density;
}

std::vector<Finding> run_coverage(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, coverage_name);
  if (evidence.pairs < least_covered_pairs)
    return {too_few_pairs(coverage_name, evidence.pairs, least_covered_pairs)};
  std::vector<InsideFrom> inside(evidence.names.size());
  core::for_each_in_parallel(evidence.theta_dim(), options.threads, [&](int64_t j) {
    inside[static_cast<size_t>(j)] = inside_from(evidence, j, options.seed);
  });
  std::vector<Finding> findings;
  for (size_t j = 0; j < inside.size(); ++j) {
    findings.push_back(judge_coverage(inside[j].central, "central", evidence.names[j], options.level));
    findings.push_back(
        judge_coverage(inside[j].highest, "highest-density", evidence.names[j], options.level));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
