#include "experiment/density_check.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/log.hpp"
#include "core/text.hpp"

namespace fluxsbi::experiment {

namespace {

// dopri5 takes some hundred for a smooth network. Tolerances near float32's rounding may take as many, too,
// so that the number alone tells nothing.
constexpr int64_t many_evaluations = 1000;
constexpr int64_t reference_steps = 200;

struct Difference {
  int64_t points = 0, differ = 0;
  double smallest = 0, largest = 0;  // of those that differ
};

// Points outside the support, and those where a solver failed, have no density to compare.
Difference compare(const std::vector<double>& a, const std::vector<double>& b) {
  Difference found;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    ++found.points;
    const double difference = std::abs(a[i] - b[i]);
    if (difference <= 0.5 + 0.05 * std::min(std::abs(a[i]), std::abs(b[i]))) continue;
    found.smallest = found.differ == 0 ? difference : std::min(found.smallest, difference);
    found.largest = std::max(found.largest, difference);
    ++found.differ;
  }
  return found;
}

std::string text(const Difference& found) {
  const std::string least = core::brief_text(found.smallest), most = core::brief_text(found.largest);
  return std::to_string(found.differ) + " of " + std::to_string(found.points) +
         (found.points == 1 ? " point" : " points") + " that " + (found.points == 1 ? "was" : "were") +
         " looked at, by " + (least == most ? most : least + " to " + most);
}

}  // namespace

std::vector<int64_t> points_to_look_at(int64_t count) {
  const int64_t points = std::min(count, looked_at_points);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < points; ++i) numbers.push_back(i * count / points);
  return numbers;
}

void check_steps(const sample::LogProbs& found, const sample::SamplingOptions& options,
                 const std::function<sample::LogProbs(const sample::SamplingOptions&)>& densities) {
  const sample::SolverRow& solver = sample::density_solver(options.solver);
  if (solver.adaptive && found.evaluations <= many_evaluations) return;
  sample::SamplingOptions coarse = options;
  if (solver.adaptive) coarse.solver = "rk4";
  coarse.steps = solver.adaptive ? reference_steps : options.steps.value_or(solver.default_steps);
  sample::SamplingOptions fine = coarse;
  fine.steps = 2 * *coarse.steps;
  const Difference difference = compare(densities(coarse).values, densities(fine).values);
  if (difference.differ == 0 || 4 * difference.differ < difference.points) return;
  if (solver.adaptive) {
    core::log::warning("the network's flow is steep: dopri5 took up to " + std::to_string(found.evaluations) +
                       " evaluations, and rk4 with 400 steps in place of 200 changes the log-densities of " +
                       text(difference) +
                       "; densities may be far from those of the draws of `sample`, whose steps are longer: "
                       "train longer, or with a larger optimizer.max_lr (docs/densities.md)");
  } else {
    core::log::warning(std::string(solver.name) + " with " + std::to_string(*coarse.steps) +
                       " steps is too coarse: twice as many change the log-densities of " + text(difference) +
                       "; give more --steps, or take dopri5, which says where the network's flow is too "
                       "steep for any solver");
  }
}

}  // namespace fluxsbi::experiment
