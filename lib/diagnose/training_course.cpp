#include "diagnose/training_course.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr size_t least_losses = 8;
constexpr double last_part = 0.9;  // a loss that falls on after so much of the training has not settled

// The standard deviation of a loss about its course: successive losses differ by sqrt 2 of it.
double scatter_of(const std::vector<double>& losses) {
  std::vector<double> steps;
  for (size_t i = losses.size() / 2 + 1; i < losses.size(); ++i)
    steps.push_back(std::abs(losses[i] - losses[i - 1]));
  std::nth_element(steps.begin(), steps.begin() + std::ssize(steps) / 2, steps.end());
  constexpr double median_of_difference = 0.954;  // 0.6745 sqrt 2, of a normal
  return steps[steps.size() / 2] / median_of_difference;
}

Graph loss_graph(const Evidence& evidence) {
  Graph graph;
  graph.title = "Validation loss";
  graph.x_label = "step";
  graph.y_label = "validation loss";
  graph.x = evidence.loss_steps;
  graph.curves.push_back({"validation loss", evidence.losses});
  return graph;
}

// Few losses scatter too much to show a course.
Finding too_few_losses(size_t count) {
  Finding finding;
  finding.test = "training";
  finding.statistic = "validation losses";
  finding.value = static_cast<double>(count);
  finding.meaning = "The training validated " + (count == 1 ? "once" : std::to_string(count) + " times") +
                    ", which does not tell whether its loss had settled.";
  finding.next =
      "Where calibration fails, train longer first: fluxsbi resume RUN --steps N --restart-rate with a "
      "larger N; training.val_every sets how often a training validates.";
  return finding;
}

}  // namespace

std::vector<Finding> run_training_course(const Evidence& evidence, const TestOptions&) {
  const auto& losses = evidence.losses;
  if (losses.empty()) return {};
  if (losses.size() < least_losses) return {too_few_losses(losses.size())};
  const auto best = std::min_element(losses.begin(), losses.end()) - losses.begin();
  const auto early = static_cast<std::ptrdiff_t>(last_part * static_cast<double>(losses.size()));
  const double before = *std::min_element(losses.begin(), losses.begin() + early);
  const double last = evidence.loss_steps.back(), step = evidence.loss_steps[static_cast<size_t>(best)];
  const double scatter = scatter_of(losses);
  Finding finding;
  finding.test = "training";
  finding.statistic = "lowest validation loss at this share of the steps";
  finding.value = step / last;
  const std::string where = "step " + core::number_text(step) + " of " + core::number_text(last);
  if (best >= early && before - losses[static_cast<size_t>(best)] > 2 * scatter) {
    finding.meaning =
        "The validation loss was still falling when the training ended (lowest at " + where + ").";
    finding.next =
        "Train longer before anything else: fluxsbi resume RUN --steps N --restart-rate with a larger N.";
  } else if (losses.back() - losses[static_cast<size_t>(best)] > 4 * scatter) {
    finding.meaning =
        "The validation loss rose after " + where +
        ": the network then learned its training data by heart. The weights of that step are used.";
    finding.next =
        "More simulations help most; a smaller network or a shorter training with the same schedule may, "
        "too.";
  } else {
    finding.meaning = "The validation loss had settled (lowest at " + where + ").";
  }
  finding.graphs.push_back(loss_graph(evidence));
  return {finding};
}

}  // namespace fluxsbi::diagnose
