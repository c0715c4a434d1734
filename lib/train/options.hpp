// The sections `optimizer`, `training` and `output`.
#pragma once

#include <optional>
#include <string>

#include "config/reader.hpp"

namespace fluxsbi::train {

/// The `optimizer` section. The plateau schedule is taken when any of patience, cooldown, factor,
/// accumulation_size or rtol is given; that is an error together with warmup_steps or decay_transition.
struct OptimizerOptions {
  std::optional<double> max_lr;         ///< 1e-4; plateau: 1e-3
  std::optional<double> min_lr;         ///< 1e-6; plateau: 1e-8
  std::optional<int64_t> warmup_steps;  ///< min(500, nsteps / 10)
  double decay_transition = 0.8;        ///< fraction of the run at which the cosine begins
  int64_t patience = 10, cooldown = 2, accumulation_size = 100;
  double factor = 0.5, rtol = 1e-4;
  std::string schedule = "auto";  ///< auto, cosine, plateau
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 1e-4;     ///< on weights of Linear layers only
  std::string clip = "adaptive";  ///< adaptive, global, none
  double clip_value = 10;         ///< adaptive: ratio of unit-wise norms (GenSBI's 10); global: norm
};

/// The `training` section.
struct TrainingOptions {
  int64_t nsteps = 50000;
  int64_t batch_size = 256;
  int64_t val_every = 100;
  int64_t save_every = 1000;
  int64_t keep_checkpoints = 3;
  int64_t log_every = 100;
  int64_t multistep = 1;
  double ema_decay = 0.999;
  bool early_stopping = false;
  double val_error_ratio = 1.3;
  int64_t val_patience = 10;
  int64_t seed = 0;
  std::string compute = "auto";  ///< auto, float32, bfloat16; alias model.dtype
};

/// The `output` section.
struct OutputOptions {
  bool tensorboard = true;
};

const config::Table<OptimizerOptions>& optimizer_table();
const config::Table<TrainingOptions>& training_table();
const config::Table<OutputOptions>& output_table();

/// Checks across keys (warm-up longer than the run, plateau with warm-up) and fills the values left open.
void resolve(OptimizerOptions& optimizer, const TrainingOptions& training, config::Reader& reader);

}  // namespace fluxsbi::train
