#include "diagnose/solver.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view solver_name = "solver";
constexpr int64_t least_compared_draws = 50;
constexpr double often_outside = 0.1;

// |draw - fine draw| of the worst variable, in posterior standard deviations, of each draw that both filled;
// ascending.
std::vector<double> step_differences(const Observation& observation, size_t d) {
  std::vector<double> deviation(d);
  for (size_t j = 0; j < d; ++j) deviation[j] = moments_of(observation.draws_fine, j, d).deviation;
  std::vector<double> worst;
  for (size_t first = 0; first < observation.draws_coarse.size(); first += d) {
    double largest = 0;
    bool filled = true;
    for (size_t j = 0; j < d; ++j) {
      const double off = std::abs(observation.draws_coarse[first + j] - observation.draws_fine[first + j]);
      filled = filled && !std::isnan(off);
      if (deviation[j] > 0) largest = std::max(largest, off / deviation[j]);
    }
    if (filled) worst.push_back(largest);
  }
  std::sort(worst.begin(), worst.end());
  return worst;
}

Graph difference_graph(const std::vector<double>& sorted, const std::string& finer, const std::string& name) {
  constexpr int points = 100;
  Graph graph;
  graph.title = "Differences between the run's steps and " + finer + ", " + name;
  graph.x_label = "share of the draws";
  graph.y_label = "difference in posterior standard deviations";
  graph.expected = largest_step_difference;
  graph.curves.push_back({"draws", {}});
  for (int k = 0; k <= points; ++k) {
    graph.x.push_back(static_cast<double>(k) / points);
    graph.curves[0].y.push_back(quantile_of(sorted, graph.x.back()));
  }
  return graph;
}

Finding step_finding(const Observation& observation, size_t d) {
  const std::vector<double> worst = step_differences(observation, d);
  Finding finding;
  finding.test = solver_name;
  const std::string finer = observation.fine_of_teacher ? "the teacher's steps" : "twice as many steps";
  finding.statistic = "median difference to " + finer + ", in posterior sd, at " + observation.name;
  finding.high = largest_step_difference;
  if (std::ssize(worst) < least_compared_draws) {
    finding.verdict = Verdict::not_enough;
    finding.meaning = core::count_text(std::ssize(worst), "draw") + " cannot tell whether the steps suffice.";
    finding.next = "Take at least " + std::to_string(least_compared_draws) + " draws.";
    return finding;
  }
  finding.value = quantile_of(worst, 0.5);
  finding.verdict = finding.value <= finding.high ? Verdict::pass : Verdict::fail;
  const std::string evaluations = observation.evaluations > 0
                                      ? std::to_string(observation.evaluations) + " evaluations a draw"
                                      : "The run's steps";
  finding.meaning = evaluations + " move a draw by " + core::brief_text(finding.value) +
                    " posterior sd from where " + finer + " put it (median; 99 % of the draws: below " +
                    core::brief_text(quantile_of(worst, 0.99)) +
                    ", largest: " + core::brief_text(worst.back()) + ").";
  if (finding.verdict == Verdict::fail && observation.fine_of_teacher) {
    finding.next =
        "Draws that differ one by one may still be of the same posterior: compare samples of student and "
        "teacher by fluxsbi c2st. To come nearer, distil with more evaluations, or longer "
        "(--set training.nsteps).";
  } else if (finding.verdict == Verdict::fail) {
    // Of order one at worst, the error halves with twice the steps.
    const auto times = static_cast<int64_t>(std::exp2(std::ceil(std::log2(finding.value / finding.high))));
    finding.next =
        "Raise sampling.steps (--steps) " + std::to_string(times) + "-fold" +
        (observation.evaluations > 0
             ? ", to about " + std::to_string(times * observation.evaluations) + " evaluations a draw"
             : std::string()) +
        "; that suffices even for a solver of order one.";
  }
  finding.graphs.push_back(difference_graph(worst, finer, observation.name));
  return finding;
}

Finding outside_finding(const Observation& observation, size_t d) {
  int64_t unfilled = 0;
  for (size_t first = 0; first < observation.theta.size(); first += d)
    unfilled += !is_filled(std::span(observation.theta).subspan(first, d));
  const auto draws = static_cast<double>(observation.draws),
             outside = static_cast<double>(observation.outside);
  const double lost = draws > 0 ? static_cast<double>(unfilled) / draws : 0;
  Finding finding;
  finding.test = solver_name;
  finding.statistic = "share of draws that could not be filled, at " + observation.name;
  finding.value = lost;
  finding.high = most_unfilled;
  finding.verdict = lost <= most_unfilled ? Verdict::pass : Verdict::fail;
  const double share = outside + draws > 0 ? outside / (outside + draws) : 0;
  finding.meaning = core::count_text(unfilled, "draw") + " of " + std::to_string(observation.draws) +
                    " could not be filled; " + percent_text(share) +
                    " of all that were drawn lay outside the prior's support and were drawn again.";
  if (lost > most_unfilled || share > often_outside)
    finding.next =
        "Train longer (training.nsteps), so that the network learns where the prior ends, and look whether " +
        observation.name + " is like the training data (inside); data.transform_theta: logit makes bounds " +
        "exact" + (lost > most_unfilled ? "; sampling.max_tries allows more tries." : ".");
  return finding;
}

}  // namespace

std::vector<Finding> run_solver(const Evidence& evidence, const TestOptions&) {
  const size_t d = evidence.names.size();
  std::vector<Finding> findings;
  for (const Observation& observation : evidence.observations) {
    const auto length = static_cast<size_t>(observation.draws) * d;
    core::require(observation.theta.size() == length, "an observation has other draws than it says");
    if (!observation.draws_fine.empty()) {
      core::require(observation.draws_fine.size() == length && observation.draws_coarse.size() == length,
                    "the draws by coarse and fine steps are not as many as the others");
      findings.push_back(step_finding(observation, d));
    }
    findings.push_back(outside_finding(observation, d));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
