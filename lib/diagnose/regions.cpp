#include "diagnose/regions.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>

#include "core/parallel.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/region_scan.hpp"
#include "diagnose/tail.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view regions_name = "regions";
constexpr int64_t least_region_pairs = 100, most_places = 200, random_sets = 1000;
constexpr uint32_t member_stream = (3U << 30) + 5;
constexpr size_t most_named_places = 4;
constexpr double clear = 2.5;  // standard errors, from which a variable is named

// The regions around one or several places, and the peaks of theta* and of random members there.
struct Scanned {
  std::vector<double> places;  // [n, d]
  Regions regions;
  Peaks found;
  std::vector<double> shift_null, width_null;
  double shift_p = 1, width_p = 1;

  bool is_shift() const { return shift_p <= width_p; }
  const Peak& peak() const { return is_shift() ? found.shift : found.width; }
  double p_value() const { return std::min(1.0, 2 * std::min(shift_p, width_p)); }
  // What a shift must exceed to fail at this level by itself.
  double needed(double level) const {
    std::vector<double> sorted = shift_null;
    std::sort(sorted.begin(), sorted.end());
    return quantile_of(sorted, 1 - level / 2);
  }
};

// The pools' means that regions surround: at equal distances in the order of the pairs.
std::vector<double> chosen_places(const Pools& pools) {
  const int64_t count = std::min(most_places, pools.pairs());
  std::vector<double> places;
  for (int64_t k = 0; k < count; ++k) {
    const auto first =
        pools.means.begin() + (k * pools.pairs() / count) * static_cast<std::ptrdiff_t>(pools.d);
    places.insert(places.end(), first, first + static_cast<std::ptrdiff_t>(pools.d));
  }
  return places;
}

// The mean of an observation's draws [d]; empty where none is filled.
std::vector<double> mean_of_draws(const Observation& observation, size_t d) {
  std::vector<double> mean;
  for (size_t j = 0; j < d; ++j) {
    const Moments moments = moments_of(observation.theta, j, d);
    if (moments.count == 0) return {};
    mean.push_back(moments.mean);
  }
  return mean;
}

void compare_with_random_members(const Pools& pools, std::vector<Scanned>& all, const TestOptions& options) {
  for (Scanned& scanned : all) {
    scanned.regions = make_regions(pools, scanned.places);
    scanned.found = scan(scanned.regions, pools.of_truth(), pools.d);
    scanned.shift_null.resize(random_sets);
    scanned.width_null.resize(random_sets);
  }
  core::for_each_in_parallel(random_sets, options.threads, [&](int64_t k) {
    core::Philox random(options.seed, room_purpose, static_cast<uint64_t>(k), member_stream);
    const std::vector<float> scores = pools.of_random_members(random);
    for (Scanned& scanned : all) {
      const Peaks peaks = scan(scanned.regions, scores, pools.d);
      scanned.shift_null[static_cast<size_t>(k)] = peaks.shift.value;
      scanned.width_null[static_cast<size_t>(k)] = peaks.width.value;
    }
  });
  for (Scanned& scanned : all) {
    scanned.shift_p = tail_probability(scanned.shift_null, scanned.found.shift.value);
    scanned.width_p = tail_probability(scanned.width_null, scanned.found.width.value);
  }
}

// Mean score of each variable, or its mean square, over the pairs of a peak.
std::vector<double> mean_scores(const Pools& pools, const Scanned& scanned, bool squared) {
  const Peak& peak = scanned.peak();
  const std::vector<float> scores = pools.of_truth();
  std::vector<double> means(pools.d);
  for (size_t k = 0; std::cmp_less(k, peak.size); ++k) {
    for (size_t j = 0; j < pools.d; ++j) {
      const auto z = static_cast<double>(
          scores[static_cast<size_t>(scanned.regions.neighbours[peak.place][k]) * pools.d + j]);
      means[j] += (squared ? z * z : z) / static_cast<double>(peak.size);
    }
  }
  return means;
}

// "theta_0 too high by 0.5 posterior sd", of what stands out, or of what stands out most.
std::string fault_text(const Pools& pools, const Scanned& scanned, const std::vector<std::string>& names) {
  const bool shift = scanned.is_shift();
  const std::vector<double> means = mean_scores(pools, scanned, !shift);
  const double root = std::sqrt(static_cast<double>(scanned.peak().size));
  std::vector<double> errors;
  for (const double mean : means)
    errors.push_back(std::abs(shift ? mean : (mean - 1) / std::numbers::sqrt2) * root);
  const double most = *std::max_element(errors.begin(), errors.end());
  std::vector<std::string> parts;
  for (size_t j = 0; j < means.size(); ++j) {
    if (errors[j] < most && errors[j] < clear) continue;
    if (shift) {
      parts.push_back(names[j] + " too " + (means[j] < 0 ? "high" : "low") + " by " +
                      core::brief_text(std::abs(means[j])) + " posterior sd");
    } else {
      parts.push_back(names[j] + " " + core::brief_text(1 / std::sqrt(std::max(means[j], 1e-3))) +
                      " times as wide as it should be");
    }
  }
  return core::list_first(parts, most_named_places);
}

Fault fault_of(const Pools& pools, const Scanned& scanned) {
  if (scanned.is_shift()) return Fault::other;
  const std::vector<double> squares = mean_scores(pools, scanned, true);
  const double mean = std::accumulate(squares.begin(), squares.end(), 0.0) / static_cast<double>(pools.d);
  return mean > 1 ? Fault::too_narrow : Fault::too_wide;
}

std::string place_text(const Pools& pools, const Scanned& scanned, const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (size_t j = 0; j < pools.d; ++j)
    parts.push_back(names[j] + " = " + core::brief_text(scanned.places[scanned.peak().place * pools.d + j]));
  return core::list_first(parts, most_named_places);
}

// Of the variable that is shifted most at the peak: the mean score around each place.
Graph places_graph(const Pools& pools, const Scanned& scanned, const std::vector<std::string>& names,
                   double level) {
  const std::vector<double> at_peak = mean_scores(pools, scanned, false);
  const size_t j =
      static_cast<size_t>(std::max_element(at_peak.begin(), at_peak.end(),
                                           [](double a, double b) { return std::abs(a) < std::abs(b); }) -
                          at_peak.begin());
  const int64_t size = scanned.peak().size;
  const std::vector<float> scores = pools.of_truth();
  std::vector<std::pair<double, double>> points;
  for (size_t place = 0; place < scanned.regions.neighbours.size(); ++place) {
    double sum = 0;
    for (size_t k = 0; std::cmp_less(k, size); ++k)
      sum += static_cast<double>(
          scores[static_cast<size_t>(scanned.regions.neighbours[place][k]) * pools.d + j]);
    points.emplace_back(scanned.places[place * pools.d + j], sum / static_cast<double>(size));
  }
  std::sort(points.begin(), points.end());
  Graph graph;
  graph.kind = Graph::Kind::points;
  graph.title = "theta* of the " + std::to_string(size) + " pairs around each place, " + names[j];
  graph.x_label = "posterior mean of " + names[j];
  graph.y_label = "theta* in posterior sd";
  graph.expected = 0;
  Graph::Curve curve{"mean of a region", {}};
  const double bound = std::sqrt(scanned.needed(level) / static_cast<double>(size));
  for (const auto& [x, y] : points) {
    graph.x.push_back(x);
    curve.y.push_back(y);
    graph.low.push_back(-bound);
    graph.high.push_back(bound);
  }
  graph.curves.push_back(std::move(curve));
  return graph;
}

// `name`: of the observation; "": of all places.
Finding finding_of(const Evidence& evidence, const Pools& pools, const Scanned& scanned,
                   const std::string& name, const TestOptions& options) {
  const Peak& peak = scanned.peak();
  const bool everywhere = name.empty();
  const std::string size = std::to_string(peak.size);
  Finding finding;
  finding.test = regions_name;
  finding.statistic = std::string(everywhere ? "largest chi-square" : "chi-square") + " of a " +
                      (scanned.is_shift() ? "shift" : "width") + " of theta* among " +
                      (everywhere ? size + " neighbouring pairs" : "the " + size + " pairs around " + name);
  finding.value = peak.value;
  finding.p_value = scanned.p_value();
  finding.meaning =
      "Among the " + size + " of " + core::count_text(pools.pairs(), "pair") + " whose posterior means lie " +
      (everywhere ? "near " + place_text(pools, scanned, evidence.names) : "nearest to that at " + name) +
      " the posterior is wrong: " + fault_text(pools, scanned, evidence.names) + ".";
  const double tenth = std::sqrt(scanned.needed(options.level) /
                                 static_cast<double>(std::max<int64_t>(20, pools.pairs() / 10)));
  finding.meaning_of_pass = (everywhere ? std::string("Wherever posterior means lie near each other")
                                        : "Where posterior means lie near that at " + name) +
                            ", true values rank among the draws as draws do; a shift by " +
                            core::brief_text(tenth) +
                            " posterior sd in a tenth of the pairs would have been seen.";
  finding.next = advice(fault_of(pools, scanned)) +
                 (everywhere ? " More simulations from that part of the prior help most." : "");
  if (everywhere) finding.graphs.push_back(places_graph(pools, scanned, evidence.names, options.level));
  return finding;
}

}  // namespace

std::vector<Finding> run_regions(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, regions_name);
  const Pools pools = make_pools(evidence, options.seed);
  if (pools.pairs() < least_region_pairs)
    return {too_few_pairs(regions_name, pools.pairs(), least_region_pairs)};
  std::vector<Scanned> all(1);
  std::vector<std::string> names = {""};
  all[0].places = chosen_places(pools);
  for (const Observation& observation : evidence.observations) {
    std::vector<double> mean = mean_of_draws(observation, pools.d);
    if (mean.empty()) continue;  // no draw is filled, which the solver test tells
    all.emplace_back().places = std::move(mean);
    names.push_back(observation.name);
  }
  compare_with_random_members(pools, all, options);
  std::vector<Finding> findings;
  for (size_t k = 0; k < all.size(); ++k)
    findings.push_back(finding_of(evidence, pools, all[k], names[k], options));
  return findings;
}

}  // namespace fluxsbi::diagnose
