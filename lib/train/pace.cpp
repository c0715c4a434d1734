#include "train/pace.hpp"

#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "core/system.hpp"
#include "core/text.hpp"
#include "engine/device.hpp"
#include "train/learned_levels.hpp"
#include "train/optimiser.hpp"
#include "train/training_step.hpp"
#include "train/validation.hpp"

namespace fluxsbi::train {

namespace {

constexpr int64_t least_steps = 2;
constexpr int64_t device_block = 16;  // steps between waits for a device that works on its own
constexpr double warm_up = 0.25;      // of the time that is measured
constexpr double watched_part = 0.1, too_slow = 1.25;  // of the steps; of the plan

}  // namespace

Pace measure_pace(TrainingSetup& setup, double seconds) {
  const at::NoGradGuard no_grad;
  engine::FlatParameters &trained = setup.engine->parameters(), &average = setup.ema_engine->parameters();
  const at::Tensor start = trained.master.clone(), average_start = average.master.clone();
  Optimiser optimiser(trained, average.master, setup.optimizer, setup.training.ema_decay);
  TrainingStep step(*setup.engine, *setup.method, setup.data, optimiser, setup.training);
  std::optional<LearnedLevels> levels;
  if (setup.data.levels) {
    levels.emplace(*setup.data.levels, setup.engine->device());
    step.levels = &levels->table();
  }
  // The rate of a step does not matter for its time, and a small one keeps all numbers finite.
  constexpr double rate = 1e-7;
  const auto runner = engine::make_step_runner(setup.engine->device());
  const int64_t block = setup.engine->device().is_cpu() ? 1 : device_block;
  int64_t done = 0;
  Pace pace;
  // Ranks keep in step: the clock of the first one counts.
  distributed::Communicator& ranks = *setup.data.ranks;
  const auto agreed = [&](bool more) { return ranks.broadcast(more ? 1.0 : 0.0) > 0; };
  const auto time_steps = [&](double most_seconds) {
    const double begin = core::steady_seconds();
    pace.steps = 0;
    do {
      for (int64_t i = 0; i < block; ++i, ++pace.steps) step.run(*runner, done++, rate);
      step.first_bad_step();  // waits for the device
      pace.step_seconds = (core::steady_seconds() - begin) / static_cast<double>(pace.steps);
    } while (agreed(pace.steps < least_steps ||
                    pace.step_seconds * static_cast<double>(pace.steps) < most_seconds));
  };
  time_steps(warm_up * seconds);
  time_steps(seconds);
  Validation validation(*setup.ema_engine, *setup.method, setup.data,
                        static_cast<uint64_t>(setup.training.seed), setup.training.validation_evaluations);
  const auto time_validation = [&] {
    const double begin = core::steady_seconds();
    validation.loss();
    pace.validation_seconds = core::steady_seconds() - begin;
  };
  time_validation();
  if (agreed(pace.validation_seconds < seconds)) time_validation();  // the first one has memory to allocate
  pace.step_seconds = ranks.broadcast(pace.step_seconds);
  pace.validation_seconds = ranks.broadcast(pace.validation_seconds);
  trained.assign(start);
  average.assign(average_start);
  return pace;
}

std::string PaceWatch::observe(int64_t step, double seconds) {
  const auto done = static_cast<double>(step - first_), all = static_cast<double>(steps_ - first_);
  if (told_ || planned_ <= 0 || done < watched_part * all || step >= steps_) return "";
  const double whole = seconds / done * all;
  if (whole < too_slow * planned_) return "";
  told_ = true;
  return "training is slower than it was measured to be: at this pace it takes " +
         core::duration_text(whole) + " in place of " + core::duration_text(planned_) +
         ". Its steps stay as they are, because the learning rate is planned for all of them; if the machine "
         "is needed, stop it and go on later with `fluxsbi resume`";
}

}  // namespace fluxsbi::train
