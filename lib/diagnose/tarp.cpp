#include "diagnose/tarp.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/text.hpp"
#include "data/look/two_samples.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/uniformity.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view tarp_name = "tarp";
constexpr int64_t bootstraps = 200;
// Numbers of the streams of a pair: those of variables are below theta_dim.
constexpr uint32_t reference_stream = 1U << 31, tie_stream = reference_stream + 1,
                   bootstrap_stream = tie_stream + 1;

struct Box {
  std::vector<double> low, width;  // width 1 for a variable that does not vary
};

Box box_of(const Evidence& evidence) {
  const size_t d = evidence.names.size();
  Box box;
  for (size_t j = 0; j < d; ++j) {
    double low = evidence.theta[j], high = low;
    for (size_t i = j; i < evidence.theta.size(); i += d) {
      low = std::min(low, evidence.theta[i]);
      high = std::max(high, evidence.theta[i]);
    }
    box.low.push_back(low);
    box.width.push_back(high > low ? high - low : 1);
  }
  return box;
}

std::vector<double> draw_references(const Evidence& evidence, const TestOptions& options) {
  const size_t d = evidence.names.size();
  const Box box = box_of(evidence);
  if (options.tarp_reference_from_prior && evidence.prior.size() < d)
    throw core::UserError(
        "tarp: reference points from the prior need draws of it, and there are none; leave them uniform");
  std::vector<double> references;
  for (int64_t n = 0; n < evidence.pairs; ++n) {
    core::Philox random(options.seed, room_purpose, static_cast<uint64_t>(n), reference_stream);
    if (options.tarp_reference_from_prior) {
      const size_t row = random.below(evidence.prior.size() / d);
      for (size_t j = 0; j < d; ++j) references.push_back(evidence.prior[row * d + j]);
    } else {
      for (size_t j = 0; j < d; ++j) references.push_back(box.low[j] + box.width[j] * random.uniform());
    }
  }
  return references;
}

double squared_distance(std::span<const double> a, std::span<const double> b, const Box& box) {
  double sum = 0;
  for (size_t j = 0; j < a.size(); ++j) {
    const double off = (a[j] - b[j]) / box.width[j];
    sum += off * off;
  }
  return sum;
}

// Expected coverage at each credibility, with the middle 95 % of its bootstrap over pairs.
Graph coverage_curve(std::span<const double> u, const EcdfBand& band, uint64_t seed) {
  Graph graph;
  graph.title = "Expected coverage about random points";
  graph.x_label = "credibility";
  graph.y_label = "expected coverage";
  graph.diagonal = true;
  graph.x = band.at;
  graph.low = band.low;
  graph.high = band.high;
  const auto curve_of = [&](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    std::vector<double> curve;
    for (const double at : band.at)
      curve.push_back(
          static_cast<double>(std::upper_bound(values.begin(), values.end(), at) - values.begin()) /
          static_cast<double>(values.size()));
    return curve;
  };
  std::vector<std::vector<double>> at(band.at.size());
  for (int64_t b = 0; b < bootstraps; ++b) {
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(b), bootstrap_stream);
    std::vector<double> chosen(u.size());
    for (double& value : chosen) value = u[random.below(u.size())];
    const std::vector<double> curve = curve_of(std::move(chosen));
    for (size_t k = 0; k < at.size(); ++k) at[k].push_back(curve[k]);
  }
  Graph::Curve coverage{"coverage", curve_of({u.begin(), u.end()})}, lower{"2.5 % of the bootstrap", {}},
      upper{"97.5 % of the bootstrap", {}};
  for (std::vector<double>& values : at) {
    std::sort(values.begin(), values.end());
    lower.y.push_back(quantile_of(values, 0.025));
    upper.y.push_back(quantile_of(values, 0.975));
  }
  graph.curves = {std::move(coverage), std::move(lower), std::move(upper)};
  return graph;
}

// Area from 1/2 to 1 between the distribution function of u and the diagonal: 5/8 - mean max(u, 1/2).
Moments signed_area(std::span<const double> u) {
  std::vector<double> areas;
  for (const double value : u) areas.push_back(0.625 - std::max(value, 0.5));
  return moments_of(areas);
}

}  // namespace

std::vector<double> tarp_pits(const Evidence& evidence, const std::vector<double>& references, uint64_t seed,
                              int threads) {
  const size_t d = evidence.names.size();
  core::require(references.size() == evidence.theta.size(), "tarp needs a reference point for each pair");
  const Box box = box_of(evidence);
  std::vector<double> pits(static_cast<size_t>(evidence.pairs));
  core::for_each_in_parallel(evidence.pairs, threads, [&](int64_t n) {
    const size_t first = static_cast<size_t>(n) * d;
    const auto point = std::span(references).subspan(first, d);
    std::vector<double> distances;
    for (int64_t l = 0; l < evidence.draws; ++l)
      distances.push_back(squared_distance(draw_of(evidence, n, l), point, box));
    core::Philox random(seed, room_purpose, static_cast<uint64_t>(n), tie_stream);
    const Rank rank =
        rank_of(squared_distance(std::span(evidence.theta).subspan(first, d), point, box), distances, random);
    pits[static_cast<size_t>(n)] = rank.draws > 0 ? rank.pit : std::nan("");
  });
  std::erase_if(pits, [](double u) { return std::isnan(u); });
  return pits;
}

std::vector<Finding> run_tarp(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, tarp_name);
  if (evidence.pairs < least_uniform) return {too_few_pairs(tarp_name, evidence.pairs, least_uniform)};
  const std::vector<double> u =
      tarp_pits(evidence, draw_references(evidence, options), options.seed, options.threads);
  const data::KolmogorovSmirnov ks = data::kolmogorov_smirnov_uniform(u);
  const Moments area = signed_area(u);
  const double in_errors = area.standard_error() > 0 ? area.mean / area.standard_error() : 0;
  const Fault fault = in_errors > 2 ? Fault::too_wide : in_errors < -2 ? Fault::too_narrow : Fault::other;

  Finding distance;
  distance.test = tarp_name;
  distance.statistic = "KS distance of coverage about random points from credibility";
  distance.value = ks.distance;
  distance.p_value = ks.probability;
  distance.meaning =
      fault == Fault::too_wide
          ? "Balls about random points hold more true values than their share: the posterior is too wide."
      : fault == Fault::too_narrow
          ? "Balls about random points hold fewer true values than their share: the posterior is too narrow."
          : "Balls about random points do not hold their share of the true values: the posterior is "
            "shifted, or has a mode too many or too few.";
  distance.meaning_of_pass = "Balls about random points hold their share of the true values.";
  distance.next = advice(fault);
  distance.graphs.push_back(
      coverage_curve(u, ecdf_band(std::ssize(u), options.level, options.seed), options.seed));

  Finding atc;
  atc.test = tarp_name;
  atc.statistic = "signed area between coverage and credibility above 1/2";
  atc.value = area.mean;
  atc.standard_error = area.standard_error();
  atc.meaning =
      "Zero for a right posterior, above for one that is too wide, below for one that is too narrow.";
  return {std::move(distance), std::move(atc)};
}

}  // namespace fluxsbi::diagnose
