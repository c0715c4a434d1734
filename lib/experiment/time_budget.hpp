// How many steps a training takes where its time is given (docs/recipe.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "train/pace.hpp"

namespace fluxsbi::experiment {

/// The time of a whole `train`, from `started` on: looking at the data and measuring count, too.
struct TimeBudget {
  double minutes = 0;
  /// By --minutes; else it is the recipe's limit, which shortens a training and never lengthens it.
  bool asked = false;
  double started = 0;       ///< core::steady_seconds()
  int64_t most_steps = 0;   ///< more are not known to help; 0: no limit is known
  int64_t least_steps = 0;  ///< with fewer, small_network is better, where there is one
  /// Above 1 the number of members is open, whatever the config says: time for several times most_steps makes
  /// an ensemble of at most so many.
  int64_t most_members = 1;
  /// Without --minutes: so many members would be better, and a line says in which time; 1: none is said.
  int64_t better_members = 1;
  /// training.val_every and optimizer.warmup_steps follow the steps, since the config leaves them open.
  bool sets_interval = true, sets_warmup = true;
  std::shared_ptr<const model::Spec> small_network;  ///< not resolved; null: the network stays
  std::string small_text;                            ///< "3 blocks of 48 features"

  /// Seconds that are left of it.
  double left() const;
};

struct FittedSteps {
  int64_t steps = 0, val_every = 0;
  double seconds = 0;  ///< that they take
  int64_t room = 0;    ///< steps that the time would hold
};

/// How many members of `most_steps` steps each, one at least, the room holds: at most budget.most_members.
int64_t fit_members(const TimeBudget& budget, const FittedSteps& fitted);

/// The steps that `seconds` hold at this pace with a validation every `val_every` steps; 0: every sixtieth
/// of the training, but so seldom that validations take at most 3 % of it. Of `members` models each has its
/// share of the seconds, and the result is of one of them.
FittedSteps fit_steps(const train::Pace& pace, double seconds, int64_t val_every, int64_t most_steps,
                      int64_t members = 1);

/// Fewer steps teach a network nothing: the learning rate has hardly risen.
inline constexpr int64_t fewest_fitted_steps = 200;

/// What is said of it: the pace, the steps of each of `members` models, why there are no more and no fewer.
/// `network`: what was said of a smaller network, or "".
std::string fitted_text(const TimeBudget& budget, const train::Pace& pace, const FittedSteps& fitted,
                        int64_t members, const std::string& network);

}  // namespace fluxsbi::experiment
