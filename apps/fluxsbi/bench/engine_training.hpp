// The program's own training step on the reference work.
#pragma once

#include <memory>
#include <string>

#include "bench/workload.hpp"
#include "engine/choice.hpp"
#include "engine/step_runner.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::app::bench {

/// What training.compute: auto takes on a processor that multiplies bfloat16 numbers faster.
engine::Compute in_bfloat16x3();
/// What that rounds on this processor: "products in bfloat16x3", or "gradients in bfloat16".
std::string rounded_in_bfloat16x3();

class EngineTraining {
 public:
  /// `data` lies on the device that trains and outlives this. `engine` and `compute` as make_engine takes
  /// them.
  EngineTraining(const Workload& workload, const train::TrainingData& data, int64_t batch,
                 const std::string& engine, const engine::Compute& compute = at::kFloat);

  void step();
  engine::Engine& engine() { return *engine_; }

 private:
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::StepRunner> runner_;
  std::unique_ptr<method::Method> method_;
  std::unique_ptr<train::Optimiser> optimiser_;
  std::unique_ptr<train::TrainingStep> step_;
  int64_t number_ = 0;
};

}  // namespace fluxsbi::app::bench
