// The reference engine: the torch::nn modules, evaluated as they stand.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

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

  // d loss / d output is 2 weight (output - target), so the loss itself needs no autograd graph: the backward
  // pass starts at the output with this cotangent.
  at::Tensor accumulate_gradient(const Regression& problem, double scale) override {
    const at::AutoGradMode with_grad(true);
    const at::Tensor output = parameters_.network()->forward(problem.inputs);  // [B, L, C]
    at::Tensor loss, cotangent;
    {
      const at::NoGradGuard no_grad;
      const at::Tensor difference = output.detach().sub(problem.target);
      cotangent = difference.mul(problem.weight);
      loss = difference.mul_(cotangent).sum();
      cotangent.mul_(2 * scale);
    }
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

at::Tensor Engine::loss(const Regression& problem) {
  const at::NoGradGuard no_grad;
  const at::Tensor difference = forward(problem.inputs).sub(problem.target);
  return difference.mul(problem.weight).mul_(difference).sum();
}

std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device) {
  return std::make_unique<ReferenceEngine>(std::move(network), compute, device);
}

}  // namespace fluxsbi::engine
