// What all engines have in common.
#include "engine/engine.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "engine/cotangent.hpp"

namespace fluxsbi::engine {

InputGradients Engine::input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                       InputsOf which) {
  return gradients_of_inputs(*parameters().network(), inputs, cotangent, which);
}

at::Tensor Engine::losses(const Regression& problem) {
  const at::NoGradGuard no_grad;
  const at::Tensor difference = forward(problem.inputs).sub(problem.target);
  return difference.mul(problem.weight).mul_(difference);
}

at::Tensor Engine::embed(const at::Tensor& x) {
  constexpr int64_t most_rows = 1024;  // bounds the activations
  const at::NoGradGuard no_grad;
  const auto& network = parameters().network();
  if (x.size(0) <= most_rows) return network->embed(x);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& rows : x.split(most_rows)) parts.push_back(network->embed(rows));
  return at::cat(parts);
}

}  // namespace fluxsbi::engine
