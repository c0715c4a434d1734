// The sections `optimizer`, `training` and `output`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/reader.hpp"

namespace fluxsbi::train {

enum class ScheduleKind { automatic, cosine, plateau };
std::span<const std::string_view> enum_names(ScheduleKind);

/// What limits gradients: each unit's norm relative to its weights', or the norm of all together.
enum class Clip { adaptive, global, none };
std::span<const std::string_view> enum_names(Clip);

/// The `optimizer` section. resolve() fills absent values, except those of the schedule that is not taken.
struct OptimizerOptions {
  ScheduleKind schedule = ScheduleKind::automatic;  ///< automatic: plateau if its keys alone are given
  std::optional<double> max_lr;                     ///< 1e-4; plateau: 1e-3
  std::optional<double> min_lr;                     ///< max_lr / 100; plateau: 1e-8

  // warm-up, constant, cosine
  std::optional<int64_t> warmup_steps;     ///< min(500, nsteps / 10)
  std::optional<double> decay_transition;  ///< 0.8: fraction of the run at which the cosine begins

  std::optional<int64_t> schedule_steps;  ///< training.nsteps: over which the schedule runs, then min_lr

  // reduce on plateau of the training loss
  std::optional<int64_t> patience;           ///< 10
  std::optional<int64_t> cooldown;           ///< 2
  std::optional<int64_t> accumulation_size;  ///< 100
  std::optional<double> factor;              ///< 0.5
  std::optional<double> rtol;                ///< 1e-4

  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 1e-4;  ///< on weights of Linear layers only
  Clip clip = Clip::adaptive;
  double clip_value = 10;  ///< adaptive: ratio of unit-wise norms; global: norm
};

/// The `training` section. A step is one update of the weights, by the mean gradient of `multistep` batches.
struct TrainingOptions {
  int64_t nsteps = 50000;
  int64_t batch_size = 256;
  int64_t val_every = 100;
  int64_t save_every = 1000;
  int64_t keep_checkpoints = 3;
  int64_t log_every = 100;
  int64_t multistep = 1;
  double ema_decay = 0.999;
  double x_noise = 0;                 ///< in deviations of x, at the first step; 0: none
  std::optional<double> x_noise_end;  ///< at the last step; null: a hundredth of x_noise
  bool early_stopping = false;
  double val_error_ratio = 1.3;
  int64_t val_patience = 10;
  int64_t plateau_patience = 20;
  std::optional<int64_t> validation_evaluations;  ///< null: one a row (fixed levels), 4096 (learned levels)
  int64_t seed = 0;
  std::string compute = "auto";   ///< auto, float32, bfloat16; alias model.dtype
  int64_t ensemble = 1;           ///< members that are trained and answer as one model
  std::optional<int64_t> member;  ///< which of them a run is, from 1; none: all of them
};

/// The `output` section.
struct OutputOptions {
  bool tensorboard = true;
};

const config::Table<OptimizerOptions>& optimizer_table();
const config::Table<TrainingOptions>& training_table();
const config::Table<OutputOptions>& output_table();

/// The standard deviation of what is added to the standardised x of training rows in step `step`, counted
/// from 0: from x_noise to x_noise_end in equal ratios over `steps` steps, and x_noise_end from there on.
double x_noise_of(const TrainingOptions& options, int64_t step, int64_t steps);

/// The steps of the warm-up where optimizer.warmup_steps leaves them open.
int64_t default_warmup(int64_t steps);

/// Checks across keys (warm-up longer than the run, keys of both schedules, min_lr above max_lr, a member
/// beyond the ensemble) and fills the values left open, among them training.nsteps, which is 30000 with the
/// plateau schedule unless it is given. Both sections must have been read. A resolved pair resolves to
/// itself.
void resolve(OptimizerOptions& optimizer, TrainingOptions& training, config::Reader& reader);

}  // namespace fluxsbi::train
