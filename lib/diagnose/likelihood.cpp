#include "diagnose/likelihood.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "diagnose/advice.hpp"
#include "diagnose/moments.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr std::string_view likelihood_name = "likelihood";
constexpr int64_t least_weighed = 100;
constexpr double most_told_apart = 0.6, most_pareto_shape = 0.7;

// What draws of q know of p, by weights of mean 1.
struct Apart {
  Moments accuracy;       // of 1/2 + |w - 1| / 4
  double divergence = 0;  // KL(q || p); infinite where a draw has weight 0
};

// log_weights: at least one is finite, and none NaN.
Apart apart_of(const std::vector<double>& log_weights) {
  const double highest = *std::max_element(log_weights.begin(), log_weights.end());
  double sum = 0, logs = 0;
  for (const double value : log_weights) {
    sum += std::exp(value - highest);
    logs += value;
  }
  const auto n = static_cast<double>(log_weights.size());
  const double log_mean = highest + std::log(sum / n);
  std::vector<double> accuracy;
  for (const double value : log_weights) accuracy.push_back(0.5 + std::abs(std::expm1(value - log_mean)) / 4);
  return {moments_of(accuracy), log_mean - logs / n};
}

std::string advice_of_weights() {
  return "sample --likelihood corrects the draws (docs/corrected.md); a nearer network needs more "
         "simulations or longer training (training.nsteps).";
}

Finding told_apart(const Observation& observation, const std::vector<double>& weighed) {
  const Apart apart = apart_of(weighed);
  const auto n = static_cast<double>(weighed.size());
  Finding finding;
  finding.test = likelihood_name;
  finding.statistic = "accuracy of the best classifier between draws and posterior, at " + observation.name;
  finding.value = apart.accuracy.mean;
  finding.standard_error = apart.accuracy.standard_error();
  finding.high = most_told_apart;
  finding.verdict = finding.value <= finding.high ? Verdict::pass : Verdict::fail;
  finding.meaning = "A perfect classifier would tell the network's draws from the posterior with a C2ST of " +
                    core::brief_text(finding.value) + "; KL(q || p) is " +
                    core::brief_text(apart.divergence) + " nats, and " + std::to_string(weighed.size()) +
                    " draws are worth " + core::brief_text(observation.effective) + " of the posterior (" +
                    percent_text(observation.effective / n) + ").";
  if (finding.verdict == Verdict::fail) finding.next = advice_of_weights();
  return finding;
}

Finding tail_finding(const Observation& observation) {
  Finding finding;
  finding.test = likelihood_name;
  finding.statistic = "Pareto shape of the largest weights, at " + observation.name;
  finding.value = observation.pareto_shape;
  finding.high = most_pareto_shape;
  finding.verdict = finding.value <= finding.high ? Verdict::pass : Verdict::fail;
  finding.meaning = finding.verdict == Verdict::pass
                        ? "The network covers the posterior, as far as its draws show."
                        : "The network gives far too little density to a part of the posterior, so that few "
                          "large weights decide.";
  if (finding.verdict == Verdict::fail)
    finding.next =
        "Train longer (training.nsteps) or with more simulations; corrected draws (sample --likelihood) need "
        "a large --pool here, and are not to be trusted while this fails.";
  return finding;
}

Finding too_few_weighed(const Observation& observation, int64_t count) {
  Finding finding;
  finding.test = likelihood_name;
  finding.statistic = "accuracy of the best classifier between draws and posterior, at " + observation.name;
  finding.verdict = Verdict::not_enough;
  finding.meaning =
      core::count_text(count, "draw") + " with a weight cannot tell how far the network is off.";
  finding.next = "Take at least " + std::to_string(least_weighed) + " draws.";
  return finding;
}

}  // namespace

std::vector<Finding> run_likelihood(const Evidence& evidence, const TestOptions&) {
  std::vector<Finding> findings;
  for (const Observation& observation : evidence.observations) {
    core::require(std::ssize(observation.log_weights) == observation.draws,
                  "an observation has other weights than draws");
    std::vector<double> weighed;
    for (const double value : observation.log_weights) {
      if (!std::isnan(value)) weighed.push_back(value);
    }
    const auto positive =
        std::count_if(weighed.begin(), weighed.end(), [](double v) { return std::isfinite(v); });
    if (positive == 0 && std::ssize(weighed) >= least_weighed)
      throw core::UserError(
          observation.name +
          ": the likelihood gives no draw of the network any probability; are its units and "
          "those of x the same?");
    if (std::ssize(weighed) < least_weighed) {
      findings.push_back(too_few_weighed(observation, std::ssize(weighed)));
      continue;
    }
    findings.push_back(told_apart(observation, weighed));
    findings.push_back(tail_finding(observation));
  }
  return findings;
}

}  // namespace fluxsbi::diagnose
