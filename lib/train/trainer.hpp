// The training loop. It knows an engine, a method and tensors; no model, no file of the user's.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>

#include "checkpoint/training_state.hpp"
#include "engine/engine.hpp"
#include "method/method.hpp"
#include "train/options.hpp"

namespace fluxsbi::train {

/// What is trained on: standardised rows on the engine's device.
struct TrainingData {
  at::Tensor obs;   ///< [n, L, C]
  at::Tensor cond;  ///< [n, M, K]
  at::Tensor validation_obs, validation_cond;
};

struct TrainingSetup {
  std::string run;     ///< run folder, exists
  std::string config;  ///< resolved configuration
  TrainingOptions training;
  OptimizerOptions optimizer;
  OutputOptions output;
  checkpoint::ModelFile model;  ///< everything of the model file but weights, step and loss
  std::unique_ptr<engine::Engine> engine, ema_engine;  ///< two copies of one network
  std::unique_ptr<method::Method> method;
  TrainingData data;
};

struct TrainingResult {
  int64_t steps = 0;
  double best_validation_loss = 0;
  int64_t best_step = 0;
  bool stopped_early = false;
};

/// Trains from `state` (or from the start) to the end, writing metrics.jsonl, TensorBoard events, checkpoints
/// and at the end model.safetensors with the best EMA weights. Throws core::Stopped after a checkpoint when a
/// signal asked for it, and UserError when the loss is not finite (the message names the step and the last
/// good checkpoint).
TrainingResult train(TrainingSetup& setup, const std::optional<checkpoint::TrainingState>& state);

}  // namespace fluxsbi::train
