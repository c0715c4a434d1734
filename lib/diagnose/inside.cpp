#include "diagnose/inside.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/tail.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view inside_name = "inside";
constexpr int64_t least_rows = 50;
constexpr size_t nearest_rows = 10;

// How unlike the reference one row of x is.
class Unlike {
 public:
  explicit Unlike(const data::Reference& reference) : reference_(reference), size_(reference.mean.size()) {}

  struct Largest {
    double z = 0;
    size_t number = 0;
  };
  Largest largest_z(std::span<const double> row) const {
    Largest found;
    for (size_t i = 0; i < size_; ++i) {
      const double z = std::abs(row[i] - centre(i)) / unit(i);
      if (z > found.z) found = {z, i};
    }
    return found;
  }

  // Mean distance to the nearest remembered rows; 0 where none are.
  double distance(std::span<const double> row) const {
    std::vector<double> u(size_);
    for (size_t i = 0; i < size_; ++i) u[i] = std::asinh((row[i] - centre(i)) / unit(i));
    std::vector<double> distances;
    for (size_t first = 0; first < reference_.rows.size(); first += size_) {
      double sum = 0;
      for (size_t i = 0; i < size_; ++i) {
        const double off = u[i] - static_cast<double>(reference_.rows[first + i]);
        if (!std::isnan(off)) sum += off * off;
      }
      distances.push_back(std::sqrt(sum));
    }
    const size_t k = std::min(nearest_rows, distances.size());
    if (k == 0) return 0;
    std::partial_sort(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(k), distances.end());
    return std::accumulate(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(k), 0.0) /
           static_cast<double>(k);
  }

 private:
  bool robust() const { return !reference_.spread.empty(); }
  double centre(size_t i) const { return robust() ? reference_.median[i] : reference_.mean[i]; }
  double unit(size_t i) const {
    if (robust() && reference_.spread[i] > 0) return reference_.spread[i];
    return reference_.deviation[i] > 0 ? reference_.deviation[i] : 1;
  }

  const data::Reference& reference_;
  size_t size_;
};

struct HeldOut {
  std::vector<double> z, distance;
};

HeldOut held_out(const Evidence& evidence, const Unlike& unlike, int threads) {
  const auto size = static_cast<size_t>(evidence.x_dim());
  HeldOut result;
  result.z.resize(static_cast<size_t>(evidence.pairs));
  result.distance.resize(result.z.size());
  core::for_each_in_parallel(evidence.pairs, threads, [&](int64_t n) {
    const auto row = std::span(evidence.x).subspan(static_cast<size_t>(n) * size, size);
    result.z[static_cast<size_t>(n)] = unlike.largest_z(row).z;
    result.distance[static_cast<size_t>(n)] = unlike.distance(row);
  });
  return result;
}

double percentile(const std::vector<double>& values, double value) {
  const auto below = std::count_if(values.begin(), values.end(), [value](double v) { return v < value; });
  return static_cast<double>(below) / static_cast<double>(values.size());
}

Graph unlike_graph(const std::vector<double>& held_out, double value, const std::string& title,
                   const std::string& label) {
  constexpr int bins = 30;
  Graph graph;
  graph.kind = Graph::Kind::histogram;
  graph.title = title;
  graph.x_label = label;
  graph.y_label = "rows";
  const auto [low, high] = std::minmax_element(held_out.begin(), held_out.end());
  const double last = std::max(*high, value), width = std::max((last - *low) / bins, 1e-300);
  Graph::Curve rows{"held-out rows", std::vector<double>(bins)},
      observed{"the observation", std::vector<double>(bins)};
  const auto bin = [&, first = *low](double v) {
    return static_cast<size_t>(std::clamp((v - first) / width, 0.0, bins - 1.0));
  };
  for (int k = 0; k <= bins; ++k) graph.x.push_back(*low + k * width);
  for (const double v : held_out) rows.y[bin(v)] += 1;
  observed.y[bin(value)] = *std::max_element(rows.y.begin(), rows.y.end());
  graph.curves = {std::move(rows), std::move(observed)};
  return graph;
}

void say_what_next(Finding& finding) {
  finding.next =
      "Check the observation (units, order of its columns, failed values); if it is right, the simulator "
      "cannot make it: widen the prior or mend the simulator, and train on simulations that reach it.";
}

Finding compared(const std::vector<double>& held_out, double value, const Observation& observation,
                 std::string statistic, const std::string& what) {
  Finding finding;
  finding.test = inside_name;
  finding.statistic = std::move(statistic) + ", " + observation.name;
  finding.value = value;
  finding.p_value = tail_probability(held_out, value);
  const std::string place = percent_text(percentile(held_out, value)) + " of the held-out rows";
  finding.meaning = observation.name + " is unlike the training data: " + what +
                    " is farther out than that of " + place +
                    ", and the posterior there is the network's guess.";
  finding.meaning_of_pass = observation.name + " is like the training data: " + what +
                            " is farther out than that of " + place + ".";
  say_what_next(finding);
  finding.graphs.push_back(unlike_graph(held_out, value, observation.name + " among held-out rows", what));
  return finding;
}

// Where too few rows are held out to compare with.
Finding by_rule(const Evidence& evidence, const Observation& observation, double z) {
  const auto found = data::unlike_training(evidence.reference, observation.x, evidence.x_names);
  Finding finding;
  finding.test = inside_name;
  finding.statistic = "largest robust z-score, " + observation.name;
  finding.value = z;
  finding.verdict = found.empty() ? Verdict::pass : Verdict::fail;
  finding.meaning = found.empty() ? observation.name + " is like the training data."
                                  : observation.name + ": " + found[0].text + ".";
  if (!found.empty()) say_what_next(finding);
  return finding;
}

Finding nothing_remembered(const Observation& observation) {
  Finding finding;
  finding.test = inside_name;
  finding.statistic = "largest robust z-score, " + observation.name;
  finding.verdict = Verdict::not_enough;
  finding.meaning =
      "The model remembers nothing of its training data to compare " + observation.name + " with.";
  finding.next = "Train with this version of fluxsbi: models remember their training data since then.";
  return finding;
}

}  // namespace

std::vector<Finding> run_inside(const Evidence& evidence, const TestOptions& options) {
  const data::Reference& reference = evidence.reference;
  const size_t size = evidence.x_names.size();
  core::require(reference.empty() || reference.mean.size() == size,
                "the remembered rows have another width than x");
  const Unlike unlike(reference);
  const bool many = evidence.pairs >= least_rows && !reference.empty() && !evidence.observations.empty();
  const HeldOut rows = many ? held_out(evidence, unlike, options.threads) : HeldOut{};
  std::vector<Finding> findings;
  for (const Observation& observation : evidence.observations) {
    core::require(observation.x.size() == size, "an observation has another width than x");
    if (reference.empty()) {
      findings.push_back(nothing_remembered(observation));
      continue;
    }
    const Unlike::Largest largest = unlike.largest_z(observation.x);
    if (!many) {
      findings.push_back(by_rule(evidence, observation, largest.z));
      continue;
    }
    const std::string number =
        evidence.x_names[largest.number] + " = " + core::brief_text(observation.x[largest.number]);
    findings.push_back(compared(rows.z, largest.z, observation, "largest robust z-score", number));
    if (reference.row_count() > 0)
      findings.push_back(compared(rows.distance, unlike.distance(observation.x), observation,
                                  "mean distance to the ten nearest training rows",
                                  "its distance to the nearest training rows"));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
