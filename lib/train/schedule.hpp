// The course of the learning rate. Steps are counted from 0; the rate of step s is a function of s (cosine)
// or of the training losses so far (plateau).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "train/options.hpp"

namespace fluxsbi::train {

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// Learning rate of step `step` >= 0.
  virtual double rate(int64_t step) const = 0;
  /// Steps whose mean training loss observe() wants; 0 if none.
  virtual int64_t window() const = 0;
  /// The mean training loss of the last window() steps.
  virtual void observe(double mean_loss) = 0;
  /// What a checkpoint must hold, by name.
  virtual std::map<std::string, double> state() const = 0;
  virtual void restore(const std::map<std::string, double>& state) = 0;
};

/// Linear from 1e-7 to max_lr over warmup_steps, max_lr until decay_transition * nsteps (or the end of the
/// warm-up, if that is later), then
///   min_lr + (max_lr - min_lr) (1 + cos(pi p)) / 2,  p from 0 to 1 over the rest of nsteps; later steps keep
///                                                    the
/// last value.
class CosineSchedule final : public Schedule {
 public:
  CosineSchedule(double max_lr, double min_lr, int64_t warmup_steps, double decay_transition, int64_t nsteps);
  double rate(int64_t step) const override;
  int64_t window() const override { return 0; }
  void observe(double) override {}
  std::map<std::string, double> state() const override { return {}; }
  void restore(const std::map<std::string, double>&) override {}

 private:
  double max_lr_, min_lr_;
  int64_t warmup_steps_, decay_start_, nsteps_;
};

/// max_lr times a scale that starts at 1. The training loss is averaged over accumulation_size steps. An
/// average is an improvement if it lies below (1 - rtol) times the best. After `patience` averages in a row
/// without one the scale is multiplied by `factor`, not below min_lr / max_lr; the next `cooldown` averages
/// are not counted. (As optax.contrib.reduce_on_plateau does it.)
class PlateauSchedule final : public Schedule {
 public:
  PlateauSchedule(double max_lr, double min_lr, int64_t patience, int64_t cooldown, double factor,
                  double rtol, int64_t accumulation_size);
  double rate(int64_t step) const override;
  int64_t window() const override { return accumulation_size_; }
  void observe(double mean_loss) override;
  std::map<std::string, double> state() const override;
  void restore(const std::map<std::string, double>& state) override;

 private:
  double max_lr_, least_scale_, factor_, rtol_;
  int64_t patience_, cooldown_, accumulation_size_;
  double scale_ = 1, best_;
  int64_t bad_ = 0, cooling_ = 0;
};

/// The schedule of resolved options.
std::unique_ptr<Schedule> make_schedule(const OptimizerOptions& optimizer, const TrainingOptions& training);

}  // namespace fluxsbi::train
