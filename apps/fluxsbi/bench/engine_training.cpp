#include "bench/engine_training.hpp"

#include "engine/device.hpp"

namespace fluxsbi::app::bench {

engine::Compute in_bfloat16x3() {
  return engine::choose_compute("bfloat16x3", at::kFloat, at::kCPU, engine::fast_products(at::kCPU));
}

std::string rounded_in_bfloat16x3() {
  return engine::fast_products(at::kCPU) == engine::FastProducts::bfloat16 ? "gradients in bfloat16"
                                                                           : "products in bfloat16x3";
}

EngineTraining::EngineTraining(const Workload& workload, const train::TrainingData& data, int64_t batch,
                               const std::string& engine, const engine::Compute& compute)
    : engine_(engine::make_engine(make_network(workload, 0), compute, data.training->device(), engine)),
      runner_(engine::make_step_runner(data.training->device())),
      method_(make_method(workload)) {
  train::TrainingOptions options;
  options.batch_size = batch;
  const at::Tensor average = engine_->parameters().master.clone();
  optimiser_ = std::make_unique<train::Optimiser>(engine_->parameters(), average, train::OptimizerOptions{},
                                                  options.ema_decay);
  step_ = std::make_unique<train::TrainingStep>(*engine_, *method_, data, *optimiser_, options);
}

void EngineTraining::step() {
  step_->run(*runner_, number_++, learning_rate);
}

}  // namespace fluxsbi::app::bench
