// Where a backward pass begins. d loss / d output is 2 weight (output - target), so the loss itself needs no
// autograd graph.
#pragma once

#include "engine/engine.hpp"

namespace fluxsbi::engine {

struct Cotangent {
  at::Tensor loss;      ///< a scalar: sum of weight (output - target)^2
  at::Tensor gradient;  ///< [B, L, C]: scale d loss / d output
};

/// output, target [B, L, C]; weight broadcasts to them (Regression). Records nothing.
Cotangent cotangent_of(const at::Tensor& output, const at::Tensor& target, const at::Tensor& weight,
                       double scale);

/// Engine::input_gradients by the network's modules.
InputGradients gradients_of_inputs(model::Network& network, model::Inputs inputs, const at::Tensor& cotangent,
                                   InputsOf which);

}  // namespace fluxsbi::engine
