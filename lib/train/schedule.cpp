#include "train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace fluxsbi::train {

namespace {

constexpr double warmup_start = 1e-7;

}  // namespace

CosineSchedule::CosineSchedule(double max_lr, double min_lr, int64_t warmup_steps, double decay_transition,
                               int64_t nsteps)
    : max_lr_(max_lr),
      min_lr_(min_lr),
      warmup_steps_(warmup_steps),
      decay_start_(
          std::max<int64_t>(warmup_steps, std::llround(decay_transition * static_cast<double>(nsteps)))),
      nsteps_(nsteps) {}

double CosineSchedule::rate(int64_t step) const {
  if (step < warmup_steps_) {
    const double start = std::min(warmup_start, max_lr_);
    return start + (max_lr_ - start) * static_cast<double>(step) / static_cast<double>(warmup_steps_);
  }
  if (step < decay_start_ || decay_start_ >= nsteps_) return max_lr_;
  const double progress =
      static_cast<double>(step - decay_start_) / static_cast<double>(nsteps_ - decay_start_);
  return min_lr_ + (max_lr_ - min_lr_) * (1 + std::cos(std::numbers::pi * std::min(progress, 1.0))) / 2;
}

PlateauSchedule::PlateauSchedule(double max_lr, double min_lr, int64_t patience, int64_t cooldown,
                                 double factor, double rtol, int64_t accumulation_size)
    : max_lr_(max_lr),
      least_scale_(min_lr / max_lr),
      factor_(factor),
      rtol_(rtol),
      patience_(patience),
      cooldown_(cooldown),
      accumulation_size_(accumulation_size),
      best_(std::numeric_limits<double>::infinity()) {}

double PlateauSchedule::rate(int64_t) const {
  return max_lr_ * scale_;
}

void PlateauSchedule::observe(double mean_loss) {
  const bool improved = mean_loss < (1 - rtol_) * best_;
  if (improved) best_ = mean_loss;
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
    return;
  }
  bad_ = improved ? 0 : bad_ + 1;
  if (bad_ < patience_) return;
  scale_ = std::max(scale_ * factor_, least_scale_);
  bad_ = 0;
  cooling_ = cooldown_;
}

std::map<std::string, double> PlateauSchedule::state() const {
  return {{"plateau.scale", scale_},
          {"plateau.has_best", std::isfinite(best_) ? 1.0 : 0.0},
          {"plateau.best", std::isfinite(best_) ? best_ : 0.0},
          {"plateau.bad", static_cast<double>(bad_)},
          {"plateau.cooling", static_cast<double>(cooling_)}};
}

void PlateauSchedule::restore(const std::map<std::string, double>& state) {
  scale_ = state.at("plateau.scale");
  best_ =
      state.at("plateau.has_best") > 0 ? state.at("plateau.best") : std::numeric_limits<double>::infinity();
  bad_ = static_cast<int64_t>(state.at("plateau.bad"));
  cooling_ = static_cast<int64_t>(state.at("plateau.cooling"));
}

std::unique_ptr<Schedule> make_schedule(const OptimizerOptions& o, const TrainingOptions& training) {
  if (o.schedule == ScheduleKind::plateau) {
    return std::make_unique<PlateauSchedule>(o.max_lr.value(), o.min_lr.value(), o.patience.value(),
                                             o.cooldown.value(), o.factor.value(), o.rtol.value(),
                                             o.accumulation_size.value());
  }
  return std::make_unique<CosineSchedule>(o.max_lr.value(), o.min_lr.value(), o.warmup_steps.value(),
                                          o.decay_transition.value(),
                                          o.schedule_steps.value_or(training.nsteps));
}

}  // namespace fluxsbi::train
