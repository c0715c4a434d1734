#include "diagnose/ppc.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/prior/cholesky.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"
#include "diagnose/tail.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view ppc_name = "ppc";
constexpr size_t least_simulations = 100, rows_for_a_datum = 5;

// Simulations that did not fail, of the data that were observed.
struct Predictive {
  std::vector<size_t> data;  // numbers of the observed data
  std::vector<double> x;     // [data] the observation
  std::vector<double> rows;  // [count, data]
  size_t count = 0, failed = 0;
};

Predictive read_predictive(const Observation& observation, size_t size) {
  Predictive result;
  for (size_t i = 0; i < size; ++i) {
    if (std::isnan(observation.x[i])) continue;
    result.data.push_back(i);
    result.x.push_back(observation.x[i]);
  }
  for (size_t first = 0; first < observation.predictive.size(); first += size) {
    std::vector<double> row;
    for (const size_t i : result.data) row.push_back(observation.predictive[first + i]);
    if (!std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); })) {
      ++result.failed;
      continue;
    }
    result.rows.insert(result.rows.end(), row.begin(), row.end());
    ++result.count;
  }
  return result;
}

std::vector<double> column_of(const Predictive& predictive, size_t k) {
  std::vector<double> column;
  for (size_t i = k; i < predictive.rows.size(); i += predictive.data.size())
    column.push_back(predictive.rows[i]);
  return column;
}

double two_sided(const std::vector<double>& column, double value) {
  std::vector<double> below;
  for (const double v : column) below.push_back(-v);
  return std::min(1.0,
                  2 * std::min(tail_probability(column, value), tail_probability(std::move(below), -value)));
}

Finding datum_finding(const Predictive& predictive, const Observation& observation,
                      const std::vector<std::string>& names) {
  Graph graph;
  graph.title = "Simulations at draws of the posterior, " + observation.name;
  graph.x_label = "number of the datum";
  graph.y_label = "x";
  Graph::Curve observed{"observed", predictive.x}, median{"median of the simulations", {}};
  double least = 2;
  size_t worst = 0;
  for (size_t k = 0; k < predictive.data.size(); ++k) {
    std::vector<double> column = column_of(predictive, k);
    const double p = two_sided(column, predictive.x[k]);
    if (p < least) {
      least = p;
      worst = k;
    }
    std::sort(column.begin(), column.end());
    graph.x.push_back(static_cast<double>(predictive.data[k]));
    graph.low.push_back(quantile_of(column, 0.025));
    graph.high.push_back(quantile_of(column, 0.975));
    median.y.push_back(quantile_of(column, 0.5));
  }
  graph.curves = {std::move(observed), std::move(median)};
  const std::string& name = names[predictive.data[worst]];
  Finding finding;
  finding.test = ppc_name;
  finding.statistic = name + " at " + observation.name + ", the least likely of " +
                      core::count_text(std::ssize(predictive.data), "number") +
                      " (middle 95 % of the simulations)";
  finding.value = predictive.x[worst];
  finding.low = graph.low[worst];
  finding.high = graph.high[worst];
  finding.p_value = std::min(1.0, least * static_cast<double>(predictive.data.size()));
  finding.meaning = "Simulations at draws of the posterior do not reach the observed " + name + " = " +
                    core::brief_text(finding.value) + ": the posterior is wrong there, or no theta makes it.";
  finding.meaning_of_pass =
      "Every number of " + observation.name + " lies where simulations at draws of the posterior lie.";
  finding.next =
      "Look at inside first: for an observation like the training data, train longer (training.nsteps) or on "
      "more simulations (data.simulations); for another, check its units and columns, and the simulator.";
  finding.graphs.push_back(std::move(graph));
  return finding;
}

// Distances from the first half's mean in units of its covariance, of the second half and of the observation.
class Distance {
 public:
  explicit Distance(const Predictive& predictive)
      : size_(predictive.data.size()), half_(predictive.count / 2) {
    const auto first = std::span(predictive.rows).subspan(0, half_ * size_);
    for (size_t k = 0; k < size_; ++k) {
      const Moments moments = moments_of(first, k, size_);
      if (!(moments.deviation > 1e-12 * std::abs(moments.mean))) continue;
      used_.push_back(k);
      mean_.push_back(moments.mean);
      deviation_.push_back(moments.deviation);
    }
    if (half_ >= rows_for_a_datum * used_.size()) factor_ = data::cholesky(correlation(first), used_.size());
  }

  bool empty() const { return used_.empty(); }
  bool with_covariance() const { return factor_.has_value(); }

  double of(std::span<const double> row) const {
    const size_t n = used_.size();
    std::vector<double> z(n);
    double sum = 0;
    for (size_t a = 0; a < n; ++a) {
      z[a] = (row[used_[a]] - mean_[a]) / deviation_[a];
      if (factor_) {
        for (size_t b = 0; b < a; ++b) z[a] -= (*factor_)[a * n + b] * z[b];
        z[a] /= (*factor_)[a * n + a];
      }
      sum += z[a] * z[a];
    }
    return std::sqrt(sum);
  }

  std::vector<double> of_second_half(const Predictive& predictive) const {
    std::vector<double> distances;
    for (size_t row = half_; row < predictive.count; ++row)
      distances.push_back(of(std::span(predictive.rows).subspan(row * size_, size_)));
    return distances;
  }

 private:
  std::vector<double> correlation(std::span<const double> rows) const {
    const size_t n = used_.size();
    std::vector<double> matrix(n * n);
    for (size_t first = 0; first < rows.size(); first += size_) {
      for (size_t a = 0; a < n; ++a) {
        const double off = (rows[first + used_[a]] - mean_[a]) / deviation_[a];
        for (size_t b = 0; b <= a; ++b)
          matrix[a * n + b] +=
              off * (rows[first + used_[b]] - mean_[b]) / deviation_[b] / static_cast<double>(half_ - 1);
      }
    }
    return matrix;
  }

  size_t size_, half_;
  std::vector<size_t> used_;
  std::vector<double> mean_, deviation_;
  std::optional<std::vector<double>> factor_;
};

Finding distance_finding(const Distance& distance, const Predictive& predictive,
                         const Observation& observation) {
  const std::vector<double> null = distance.of_second_half(predictive);
  Finding finding;
  finding.test = ppc_name;
  finding.statistic = std::string(distance.with_covariance() ? "Mahalanobis" : "standardised") +
                      " distance from the simulations, " + observation.name;
  finding.value = distance.of(predictive.x);
  std::vector<double> sorted = null;
  std::sort(sorted.begin(), sorted.end());
  finding.high = quantile_of(sorted, 0.99);
  finding.p_value = tail_probability(null, finding.value);
  finding.meaning = observation.name + " lies " + core::brief_text(finding.value) +
                    " from the centre of simulations at draws of the posterior, 99 % of which lie within " +
                    core::brief_text(finding.high) +
                    ": together its numbers are not what the posterior predicts.";
  finding.meaning_of_pass = observation.name + " lies among simulations at draws of the posterior.";
  finding.next =
      "Look at inside first: for an observation like the training data, train longer (training.nsteps) or on "
      "more simulations (data.simulations); for another, check it and the simulator.";
  return finding;
}

Finding failure_finding(const Predictive& predictive, const Observation& observation) {
  const size_t all = predictive.count + predictive.failed;
  Finding finding;
  finding.test = ppc_name;
  finding.statistic = "share of simulations at draws of the posterior that failed, " + observation.name;
  finding.value = static_cast<double>(predictive.failed) / static_cast<double>(all);
  finding.high = most_unfilled;
  finding.verdict = finding.value <= most_unfilled ? Verdict::pass : Verdict::fail;
  finding.meaning = core::count_text(static_cast<int64_t>(predictive.failed), "simulation") + " of " +
                    std::to_string(all) + " failed at draws of the posterior.";
  if (finding.verdict == Verdict::fail)
    finding.next =
        "The posterior reaches where the simulator fails: such rows were left out of training, so give "
        "the prior the simulator's limits, or let it return values there.";
  return finding;
}

Finding too_few_simulations(const Predictive& predictive, const Observation& observation) {
  Finding finding;
  finding.test = ppc_name;
  finding.statistic = "simulations at draws of the posterior, " + observation.name;
  finding.value = static_cast<double>(predictive.count);
  finding.low = static_cast<double>(least_simulations);
  finding.verdict = Verdict::not_enough;
  finding.meaning = std::to_string(predictive.count) + " of " +
                    std::to_string(predictive.count + predictive.failed) +
                    " simulations are there to compare with.";
  finding.next = "Give at least " + std::to_string(least_simulations) + " that do not fail.";
  return finding;
}

}  // namespace

std::vector<Finding> run_ppc(const Evidence& evidence, const TestOptions&) {
  const size_t size = evidence.x_names.size();
  std::vector<Finding> findings;
  for (const Observation& observation : evidence.observations) {
    if (observation.predictive.empty()) continue;
    core::require(observation.x.size() == size && observation.predictive.size() % size == 0,
                  "predictive simulations have another width than x");
    const Predictive predictive = read_predictive(observation, size);
    findings.push_back(failure_finding(predictive, observation));
    if (predictive.count < least_simulations || predictive.data.empty()) {
      findings.push_back(too_few_simulations(predictive, observation));
      continue;
    }
    findings.push_back(datum_finding(predictive, observation, evidence.x_names));
    const Distance distance(predictive);
    if (!distance.empty()) findings.push_back(distance_finding(distance, predictive, observation));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
