// A small Flux1 for tests.
#pragma once

#include <memory>

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "core/philox.hpp"
#include "model/flux1/flux1.hpp"

namespace fluxsbi::model {

/// Standard normal numbers that depend on `seed` alone.
inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  core::Philox random(seed, core::Purpose::test);
  const at::Tensor values = at::empty(shape);
  for (int64_t i = 0; i < values.numel(); ++i)
    values.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return values;
}

/// Two blocks of each kind over 2 obs and 3 cond tokens, ids as the strategies say.
inline Flux1Shape small_shape(IdStrategy obs = IdStrategy::sequence, IdStrategy cond = IdStrategy::sequence) {
  Flux1Shape shape;
  shape.block = {2, 6, 24, true};
  shape.depth = 2;
  shape.depth_single = 2;
  shape.rope_theta = 50;
  shape.value_width = shape.id_width = shape.block.hidden();
  shape.obs = {2, 1, obs, {}};
  shape.cond = {3, 1, cond, {}};
  if (obs == IdStrategy::sequence || cond == IdStrategy::sequence) shape.id_axes = {6};
  if (obs == IdStrategy::rope1d || cond == IdStrategy::rope1d) shape.id_axes = {4, 2};
  shape.null_condition = obs == IdStrategy::sequence;
  return shape;
}

/// Start values with every parameter moved away from them, so that no gate is shut.
inline void randomise(Network& network, uint64_t seed) {
  network.initialise(seed);
  const c10::NoGradGuard no_gradient;
  for (auto& parameter : network.parameters()) parameter += 0.2 * random_tensor(parameter.sizes(), ++seed);
}

inline std::shared_ptr<Flux1> random_flux1(const Flux1Shape& shape, uint64_t seed = 1) {
  auto network = std::make_shared<Flux1>(shape);
  randomise(*network, seed);
  return network;
}

inline Inputs small_inputs(int64_t rows, uint64_t seed = 7) {
  Inputs inputs;
  inputs.t = at::sigmoid(random_tensor({rows}, seed));
  inputs.obs = random_tensor({rows, 2, 1}, seed + 1);
  inputs.cond = random_tensor({rows, 3, 1}, seed + 2);
  return inputs;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

// float32 sums in another order; values are near 1.
inline constexpr double rounding = 2e-5;

}  // namespace fluxsbi::model
