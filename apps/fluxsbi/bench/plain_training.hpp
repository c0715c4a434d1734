// Training as a tutorial would write it: torch::nn modules with plain operations, torch::optim::AdamW, an
// average of the weights kept tensor by tensor. Only a yardstick for `bench`.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <torch/optim/adamw.h>

#include "model/network.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::app::bench {

class PlainTraining {
 public:
  PlainTraining(std::shared_ptr<model::Network> network, const train::TrainingData& data, int64_t batch);

  /// One step of flow matching on a random batch.
  void step();

 private:
  std::shared_ptr<model::Network> network_;
  method::Batch rows_;  // all of them
  std::optional<method::ConditionMask> masks_;
  int64_t batch_;
  torch::optim::AdamW optimiser_;
  std::vector<at::Tensor> average_;
};

}  // namespace fluxsbi::app::bench
