#include "engine/cotangent.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

namespace fluxsbi::engine {

Cotangent cotangent_of(const at::Tensor& output, const at::Tensor& target, const at::Tensor& weight,
                       double scale) {
  const at::NoGradGuard no_grad;
  const at::Tensor difference = output.detach().sub(target);
  at::Tensor gradient = difference.mul(weight);
  at::Tensor loss = difference.mul_(gradient).sum();
  return {std::move(loss), gradient.mul_(2 * scale)};
}

InputGradients gradients_of_inputs(model::Network& network, model::Inputs inputs, const at::Tensor& cotangent,
                                   InputsOf which) {
  const at::AutoGradMode with_grad(true);
  std::vector<at::Tensor*> asked{&inputs.obs};
  if (which == InputsOf::all) asked.insert(asked.end(), {&inputs.t, &inputs.cond, &inputs.guidance});
  std::vector<at::Tensor> leaves;
  for (at::Tensor* input : asked) {
    if (input->defined()) leaves.push_back(*input = input->detach().clone().requires_grad_());
  }
  const at::Tensor output = network.forward(inputs);
  const auto found = torch::autograd::grad({output}, leaves, {cotangent}, /*retain_graph=*/std::nullopt,
                                           /*create_graph=*/false, /*allow_unused=*/true);
  InputGradients result;
  result.output = output.detach();
  std::vector<at::Tensor*> gradients{&result.obs, &result.t, &result.cond, &result.guidance};
  for (size_t i = 0, next = 0; i < asked.size(); ++i) {
    if (!asked[i]->defined()) continue;
    *gradients[i] = found[next].defined() ? found[next] : at::zeros_like(leaves[next]);
    ++next;
  }
  return result;
}

}  // namespace fluxsbi::engine
