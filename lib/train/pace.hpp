// How fast a training goes, before it begins and while it goes on.
#pragma once

#include <cstdint>
#include <string>

#include "train/trainer.hpp"

namespace fluxsbi::train {

struct Pace {
  double step_seconds = 0;        ///< of a step without validation
  double validation_seconds = 0;  ///< of a validation
  int64_t steps = 0;              ///< that were timed
};

/// Takes steps and one validation of the training as it is set up, on its device and from its rows, for
/// about `seconds` after a warm-up of a quarter of them: at least two steps each. The engines hold their
/// start values again afterwards, so that a training that follows has the same bits as one that was not
/// measured.
Pace measure_pace(TrainingSetup& setup, double seconds);

/// Watches over a training that was planned to take so many seconds.
class PaceWatch {
 public:
  /// `first_step` steps are done already; 0 seconds: nothing was planned.
  PaceWatch(double planned_seconds, int64_t first_step, int64_t steps)
      : planned_(planned_seconds), first_(first_step), steps_(steps) {}
  /// A sentence, once, when a tenth of the steps is done and the rest of them would make the training a
  /// quarter longer than planned; else empty. `seconds`: since the session began.
  std::string observe(int64_t step, double seconds);

 private:
  double planned_;
  int64_t first_, steps_;
  bool told_ = false;
};

}  // namespace fluxsbi::train
