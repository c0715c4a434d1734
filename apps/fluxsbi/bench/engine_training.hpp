// The program's own training step on the reference work.
#pragma once

#include <memory>

#include "bench/workload.hpp"
#include "engine/engine.hpp"
#include "engine/step_runner.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::app::bench {

class EngineTraining {
 public:
  /// `data` lies on the device that trains and outlives this.
  EngineTraining(const Workload& workload, const train::TrainingData& data, int64_t batch);

  /// One step, the small operations plain or fused. On a GPU the choice of the first steps stays: they are
  /// recorded.
  void step(bool fused);
  engine::Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::StepRunner> runner_;
  std::unique_ptr<method::Method> method_;
  std::unique_ptr<train::Optimiser> optimiser_;
  std::unique_ptr<train::TrainingStep> step_;
  int64_t number_ = 0;
};

/// engine.forward with the small operations plain or fused.
at::Tensor evaluate_with(engine::Engine& engine, const model::Inputs& inputs, bool fused);

}  // namespace fluxsbi::app::bench
