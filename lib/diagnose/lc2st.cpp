#include "diagnose/lc2st.hpp"

#include <array>
#include <cmath>
#include <mutex>

#include "core/parallel.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/classifier.hpp"
#include "diagnose/pair_rows.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/tail.hpp"
#include "diagnose/uniformity.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view lc2st_name = "lc2st";
constexpr int64_t least_lc2st_pairs = 100, most_local_pairs = 2000;
constexpr int64_t checked_every = 10;
constexpr uint32_t swap_stream = (3U << 30) + 2;
constexpr std::array<double, 4> shifts = {0.1, 0.2, 0.5, 1};

PairRows rows_at(const Evidence& evidence, const TestOptions& options, double shift, int64_t most_pairs) {
  PairRowOptions row_options;
  row_options.shift = shift;
  row_options.most_pairs = most_pairs;
  row_options.seed = options.seed;
  return make_pair_rows(evidence, row_options, lc2st_name);
}

// Mean of (p - 1/2)^2 over the draws of each observation.
std::vector<double> local_statistics(const PairRows& pairs, std::span<const uint8_t> swapped, uint64_t seed) {
  std::vector<int64_t> learned, held_out;
  for (int64_t n = 0; n < pairs.pairs(); ++n)
    (n % checked_every == checked_every - 1 ? held_out : learned).push_back(n);
  const LabelledRows train = labelled(pairs, learned, swapped), check = labelled(pairs, held_out, swapped);
  Classifier classifier(
      static_cast<int64_t>(pairs.features),
      {.hidden = hidden_units(pairs.features), .seed = static_cast<uint32_t>(seed), .max_epochs = 1000});
  classifier.fit(train.rows, train.labels, check.rows, check.labels);
  std::vector<double> statistics;
  for (const std::vector<float>& rows : pairs.observed) {
    double sum = 0;
    const std::vector<float> probabilities = classifier.predict_probability(rows);
    for (const float p : probabilities) sum += (p - 0.5) * (p - 0.5);
    statistics.push_back(probabilities.empty() ? std::nan("")
                                               : sum / static_cast<double>(probabilities.size()));
  }
  return statistics;
}

std::vector<uint8_t> random_swaps(int64_t pairs, uint64_t seed, int64_t permutation) {
  core::Philox random(seed, room_purpose, static_cast<uint64_t>(permutation), swap_stream);
  std::vector<uint8_t> swapped(static_cast<size_t>(pairs));
  for (uint8_t& swap : swapped) swap = static_cast<uint8_t>(random.below(2));
  return swapped;
}

// Counts trainings for the progress line, from any thread.
class Trainings {
 public:
  Trainings(const TestOptions& options, int64_t all) : options_(options), all_(all) {}
  void count() {
    const std::lock_guard lock(mutex_);
    ++done_;
    if (options_.progress) options_.progress(static_cast<double>(done_) / static_cast<double>(all_));
  }

 private:
  const TestOptions& options_;
  int64_t all_, done_ = 0;
  std::mutex mutex_;
};

std::string power_text(const std::vector<double>& p_values, double level) {
  for (size_t k = 0; k < p_values.size(); ++k) {
    if (p_values[k] <= level)
      return "it would have seen a shift of " + core::brief_text(shifts[k]) +
             " posterior sd in every variable.";
  }
  return "but it would not have seen a shift of one posterior sd in every variable: give more pairs.";
}

Finding overall_finding(const std::vector<LearnedRank>& found, const TestOptions& options) {
  std::vector<double> shifted;
  for (size_t k = 1; k < found.size(); ++k) shifted.push_back(found[k].p_value);
  Finding finding;
  finding.test = lc2st_name;
  finding.statistic = "mean rank of theta* among draws by a classifier of (theta, x), on " +
                      core::count_text(found[0].pairs, "pair");
  finding.value = found[0].mean;
  finding.low = 0.5;
  finding.p_value = found[0].p_value;
  finding.meaning = "A classifier of (theta, x) takes theta* for likelier to be true than " +
                    percent_text(found[0].mean) +
                    " of the draws, where 50 % is a guess: the posterior is wrong for some x.";
  finding.meaning_of_pass =
      "A classifier cannot tell theta* from draws; " + power_text(shifted, options.level);
  finding.next = advice(Fault::other);
  const EcdfBand band = ecdf_band(found[0].pairs, options.level, options.seed);
  finding.graphs = uniformity_graphs(found[0].pits, band, options.level,
                                     "Ranks by a classifier of (theta, x)", "rank of theta*");
  return finding;
}

Graph null_graph(const std::vector<double>& null, double value, const std::string& name) {
  Graph graph;
  graph.kind = Graph::Kind::points;
  graph.title = "L-C2ST statistic at " + name;
  graph.x_label = "number of the permutation (0: none)";
  graph.y_label = "mean of (p - 1/2)^2";
  graph.x.push_back(0);
  Graph::Curve curve{"trainings", {value}};
  for (const double other : null) {
    graph.x.push_back(static_cast<double>(graph.x.size()));
    curve.y.push_back(other);
  }
  graph.expected = value;
  graph.curves.push_back(std::move(curve));
  return graph;
}

// statistics [trainings][observations]: as it is, permutations, shifts
Finding local_finding(const std::vector<std::vector<double>>& statistics, size_t o, const std::string& name,
                      const TestOptions& options) {
  const size_t first_shift = statistics.size() - shifts.size();
  std::vector<double> null, shifted;
  for (size_t k = 1; k < first_shift; ++k) null.push_back(statistics[k][o]);
  for (size_t k = first_shift; k < statistics.size(); ++k)
    shifted.push_back(tail_probability(null, statistics[k][o]));
  Finding finding;
  finding.test = lc2st_name;
  finding.statistic = "L-C2ST at " + name;
  finding.value = statistics[0][o];
  finding.p_value = tail_probability(null, finding.value);
  finding.meaning =
      "A classifier tells draws at " + name + " from true values there: the posterior at this x is wrong.";
  finding.meaning_of_pass = "A classifier cannot tell draws at " + name + " from true values; " +
                            power_text(shifted, options.level);
  finding.next = advice(Fault::other);
  finding.graphs.push_back(null_graph(null, finding.value, name));
  return finding;
}

std::vector<std::vector<double>> local_trainings(const Evidence& evidence, const TestOptions& options,
                                                 Trainings& done) {
  const PairRows pairs = rows_at(evidence, options, 0, most_local_pairs);
  const int64_t permutations = options.permutations;
  std::vector<std::vector<double>> statistics(static_cast<size_t>(1 + permutations) + shifts.size());
  core::for_each_in_parallel(std::ssize(statistics), options.threads, [&](int64_t k) {
    std::vector<double>& result = statistics[static_cast<size_t>(k)];
    if (k > permutations) {
      const double shift = shifts[static_cast<size_t>(k - permutations - 1)];
      result = local_statistics(rows_at(evidence, options, shift, most_local_pairs), {}, options.seed);
    } else {
      const std::vector<uint8_t> swaps =
          k == 0 ? std::vector<uint8_t>() : random_swaps(pairs.pairs(), options.seed, k);
      result = local_statistics(pairs, swaps, options.seed);
    }
    done.count();
  });
  return statistics;
}

}  // namespace

std::vector<Finding> run_lc2st(const Evidence& evidence, const TestOptions& options) {
  check_samples(evidence, lc2st_name);
  if (evidence.pairs < least_lc2st_pairs)
    return {too_few_pairs(lc2st_name, evidence.pairs, least_lc2st_pairs)};
  const bool local = !evidence.observations.empty();
  const auto overall = static_cast<int64_t>(1 + shifts.size());
  Trainings done(options, local ? 2 * overall + options.permutations : overall);
  std::vector<LearnedRank> ranks(static_cast<size_t>(overall));
  core::for_each_in_parallel(overall, options.threads, [&](int64_t k) {
    const double shift = k == 0 ? 0 : shifts[static_cast<size_t>(k - 1)];
    ranks[static_cast<size_t>(k)] =
        learned_rank(rows_at(evidence, options, shift, PairRowOptions().most_pairs), options.seed);
    done.count();
  });
  std::vector<Finding> findings = {overall_finding(ranks, options)};
  if (!local) return findings;
  const auto statistics = local_trainings(evidence, options, done);
  for (size_t o = 0; o < evidence.observations.size(); ++o) {
    if (std::isnan(statistics[0][o])) continue;  // no draw is filled, which the solver test tells
    findings.push_back(local_finding(statistics, o, evidence.observations[o].name, options));
  }
  return findings;
}

std::vector<double> lc2st_statistics(const Evidence& evidence, bool within_posterior, uint64_t seed) {
  PairRowOptions options;
  options.within_posterior = within_posterior;
  options.most_pairs = evidence.pairs;
  options.seed = seed;
  return local_statistics(make_pair_rows(evidence, options, lc2st_name), {}, seed);
}

}  // namespace fluxsbi::diagnose
