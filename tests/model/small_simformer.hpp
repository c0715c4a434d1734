// A small Simformer for tests.
#pragma once

#include "model/simformer/simformer.hpp"
#include "model/small_flux1.hpp"

namespace fluxsbi::model {

/// Two layers over 4 tokens of one channel.
inline SimformerShape small_simformer_shape(EdgeRows edges = {}) {
  SimformerShape shape;
  shape.block = {12, 3, 6, 24, 1, 10};
  shape.tokens = 4;
  shape.value_width = 6;
  shape.id_width = shape.condition_width = 3;
  shape.layers = 2;
  shape.edges = std::move(edges);
  return shape;
}

/// Every parameter away from its start.
inline std::shared_ptr<Simformer> random_simformer(const SimformerShape& shape, uint64_t seed = 1) {
  auto network = std::make_shared<Simformer>(shape);
  network->initialise(seed);
  const c10::NoGradGuard no_gradient;
  for (auto& parameter : network->parameters()) parameter += 0.2 * random_tensor(parameter.sizes(), ++seed);
  return network;
}

inline Inputs joint_inputs(int64_t rows, const SimformerShape& shape = small_simformer_shape(),
                           uint64_t seed = 7) {
  Inputs inputs;
  inputs.t = at::sigmoid(random_tensor({rows}, seed));
  inputs.obs = random_tensor({rows, shape.tokens, shape.channels}, seed + 1);
  inputs.condition_mask = random_tensor({rows, shape.tokens, 1}, seed + 2) > 0;
  return inputs;
}

}  // namespace fluxsbi::model
