#include "experiment/time_budget.hpp"

#include <algorithm>
#include <cmath>

#include "core/system.hpp"
#include "core/text.hpp"
#include "experiment/recipe.hpp"

namespace fluxsbi::experiment {

namespace {

constexpr double validation_share = 0.03;

// Steps between validations that take at most their share, in tens.
int64_t rarely_enough(const train::Pace& pace) {
  return 10 * static_cast<int64_t>(
                  std::ceil(pace.validation_seconds / (10 * validation_share * pace.step_seconds)));
}

double seconds_of(const train::Pace& pace, int64_t steps, int64_t val_every) {
  const auto validations = static_cast<double>((steps + val_every - 1) / val_every);
  return static_cast<double>(steps) * pace.step_seconds + validations * pace.validation_seconds;
}

}  // namespace

double TimeBudget::left() const {
  return 60 * minutes - (core::steady_seconds() - started);
}

FittedSteps fit_steps(const train::Pace& pace, double seconds, int64_t val_every, int64_t most_steps,
                      int64_t members) {
  FittedSteps fitted;
  seconds /= static_cast<double>(members);
  const auto held = [&](double each) {
    return static_cast<int64_t>(std::max(0.0, std::min(seconds / each, 1e9)));
  };
  const double share = val_every > 0 ? pace.validation_seconds / static_cast<double>(val_every) : 0;
  fitted.room =
      val_every > 0 ? held(pace.step_seconds + share) : held(pace.step_seconds * (1 + validation_share));
  fitted.steps = most_steps > 0 ? std::min(fitted.room, most_steps) : fitted.room;
  fitted.val_every = val_every;
  if (val_every == 0 && fitted.steps > 0) {
    const int64_t usual = std::max(validation_interval(fitted.steps), rarely_enough(pace));
    fitted.val_every = std::clamp<int64_t>(usual, 1, fitted.steps);
  }
  if (fitted.steps > 0) fitted.seconds = seconds_of(pace, fitted.steps, fitted.val_every);
  return fitted;
}

int64_t fit_members(const TimeBudget& budget, const FittedSteps& fitted) {
  if (budget.most_steps == 0) return 1;
  return std::clamp<int64_t>(fitted.room / budget.most_steps, 1, budget.most_members);
}

std::string fitted_text(const TimeBudget& budget, const train::Pace& pace, const FittedSteps& fitted,
                        int64_t members, const std::string& network) {
  const std::string limit = core::number_text(budget.minutes);
  std::string text =
      (budget.asked ? "--minutes " + limit
                    : "the recipe's limit of " + limit + (budget.minutes == 1 ? " minute" : " minutes")) +
      ": " + network + core::brief_text(1 / pace.step_seconds) + " steps a second were measured over " +
      std::to_string(pace.steps) + " steps, and " + core::duration_text(pace.validation_seconds) +
      " for a validation; " + (members > 1 ? std::to_string(members) + " members of " : std::string()) +
      std::to_string(fitted.steps) + " steps with a validation every " + std::to_string(fitted.val_every) +
      (members > 1 ? " take at most " : " take about ") +
      core::duration_text(static_cast<double>(members) * fitted.seconds);
  if (budget.most_steps == 0) return text;
  if (fitted.steps < budget.most_steps)
    return text + "; " + std::to_string(budget.most_steps) +
           " would be better with these data, and a longer time gives them (--minutes)";
  if (!budget.asked) {
    if (members >= budget.better_members) return text;
    const double minutes = static_cast<double>(budget.better_members) * fitted.seconds / 60;
    return text + "; with so few simulations " + std::to_string(budget.better_members) +
           (members > 1 ? " members are better still" : " models that answer together are better than one") +
           ", and --minutes " + core::number_text(std::ceil(minutes + 1)) + " trains them";
  }
  if (members > 1 && members < budget.most_members)
    return text + "; more steps are not known to help with these data, and more members need a longer time";
  return text + "; more are not known to help with these data";
}

}  // namespace fluxsbi::experiment
