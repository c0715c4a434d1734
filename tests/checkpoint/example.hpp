#pragma once

#include "checkpoint/training_state.hpp"

namespace fluxsbi::test {

inline checkpoint::ModelFile example_model() {
  checkpoint::ModelFile model;
  const std::vector<float> values{1.5F, -2.25F, 1e-30F, 3.4e38F, 0.1F, 7};
  model.weights["a.weight"] = io::Array::from(std::span<const float>(values), {2, 3});
  model.weights["b"] = io::Array::from(std::span<const float>(values.data(), 1), {1});
  model.config = "strategy:\n  method: \"flow\"\nmodel:\n  depth: 4\n";
  model.shape = {2, 1, 3, 2, {}, {1, 3}};
  model.theta = {{0.1, 1.0 / 3}, {1e-17, 2}};
  model.x = {{1, 2, 3, 4, 5, 6}, {1, 1, 1, 1, 1, 0.7}};
  model.theta_names = {"mass", "Größe \"x\""};
  model.x_names = {"x_0", "x_1", "x_2"};
  model.step = 1234;
  model.validation_loss = 0.1 + 0.2;
  model.version = "0.1.0";
  model.remarks = {{"task", "two_moons"}, {"seed", "0"}};
  return model;
}

inline checkpoint::TrainingState example_state(int64_t step) {
  checkpoint::TrainingState state;
  state.step = step;
  state.seed = 0xFFFFFFFFFFFFFFFFu;
  const std::vector<float> values(16, 0.1F * static_cast<float>(step));
  for (const char* name : {"master", "moment1", "moment2"}) {
    state.arrays[name] = io::Array::from(std::span<const float>(values), {16});
  }
  state.scalars = {{"best_loss", 0.1 + 0.2}, {"scale", 5e-324}, {"third", 1.0 / 3}};
  state.config = example_model().config;
  state.metrics_bytes = 12345678901;
  state.model = example_model();
  state.model.weights.clear();
  return state;
}

}  // namespace fluxsbi::test
