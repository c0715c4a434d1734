// What a training step will take, estimated before the training.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/look/finding.hpp"
#include "data/shape.hpp"
#include "engine/engine.hpp"
#include "experiment/execution.hpp"
#include "experiment/experiment.hpp"
#include "method/method.hpp"

namespace fluxsbi::experiment {

/// What is about to be trained.
struct StepSubject {
  const Experiment& experiment;   ///< resolved for the data
  const model::Spec& unresolved;  ///< its model before that, which can be resolved for shorter rows
  const method::Method& method;
  engine::Engine& engine;
  data::DataShape shape, seen;  ///< of the data; of what an embedding network makes of them
  bool joint = false;
  std::string engine_request;  ///< --engine
};

struct StepCost {
  int64_t theta_tokens = 0, x_tokens = 0;  ///< that attend to each other
  double bytes = 0;                        ///< activations of a step; weights and data not counted
  double seconds = 0;  ///< of a step; 0: not measured, since it is surely short or on a GPU
};

/// Memory by the shapes of the parameters: the outputs of all linear layers for each token of the rows that
/// are alive at once (16 a thread in the tile engine, else the batch, and twice as much for autograd). Time
/// on a CPU, where a step of more than 2e10 rough floating point operations is in view: two steps of a few
/// rows with at most 256 and 512 tokens of x are timed, and a T + b T^2 through both is extended to the
/// tokens and rows of the training (about a second). Trains nothing.
StepCost estimate_step(const StepSubject& subject);

/// Warnings where a step takes more than five seconds or more memory than the machine has; an embedding
/// section that can be pasted is among them where x has more than 64 tokens and none is set.
std::vector<data::Finding> findings_of(const StepCost& cost, const StepSubject& subject);

}  // namespace fluxsbi::experiment
