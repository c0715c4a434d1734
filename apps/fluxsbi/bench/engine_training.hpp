// The program's own training step on the reference work.
#pragma once

#include <memory>
#include <string>

#include "bench/workload.hpp"
#include "engine/engine.hpp"
#include "engine/step_runner.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::app::bench {

class EngineTraining {
 public:
  /// `data` lies on the device that trains and outlives this. `engine` as make_engine takes it.
  EngineTraining(const Workload& workload, const train::TrainingData& data, int64_t batch,
                 const std::string& engine);

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
