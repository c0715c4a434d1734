// The reference engine: the torch::nn modules, evaluated as they stand.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/cotangent.hpp"
#include "engine/engine.hpp"

namespace fluxsbi::engine {

namespace {

class ReferenceEngine final : public Engine {
 public:
  ReferenceEngine(std::shared_ptr<model::Network> network, at::ScalarType compute, at::Device device)
      : parameters_(std::move(network), compute, device), device_(device) {}

  std::string_view name() const override { return "reference"; }
  FlatParameters& parameters() override { return parameters_; }
  at::Device device() const override { return device_; }

  at::Tensor forward(const model::Inputs& inputs) override {
    const at::NoGradGuard no_grad;
    return parameters_.network()->forward(inputs);
  }

  at::Tensor accumulate_gradient(const Regression& problem, double scale) override {
    const at::AutoGradMode with_grad(true);
    const at::Tensor output = parameters_.network()->forward(problem.inputs);  // [B, L, C]
    const auto [loss, cotangent] = cotangent_of(output, problem.target, problem.weight, scale);
    if (parameters_.working_gradient.is_same(parameters_.gradient)) {
      output.backward(cotangent);
      return loss;
    }
    // bfloat16 could not hold a long sum of gradients: each call's gradient is added to the float32 one.
    parameters_.working_gradient.zero_();
    output.backward(cotangent);
    parameters_.gradient.add_(parameters_.working_gradient);
    return loss;
  }

 private:
  FlatParameters parameters_;
  at::Device device_;
};

}  // namespace

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

InputGradients Engine::input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                       InputsOf which) {
  return gradients_of_inputs(*parameters().network(), inputs, cotangent, which);
}

at::Tensor Engine::loss(const Regression& problem) {
  const at::NoGradGuard no_grad;
  const at::Tensor difference = forward(problem.inputs).sub(problem.target);
  return difference.mul(problem.weight).mul_(difference).sum();
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

std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device) {
  return std::make_unique<ReferenceEngine>(std::move(network), compute, device);
}

}  // namespace fluxsbi::engine
