// Small networks with the interface of the real ones, and a regression and data for them to learn from.
#pragma once

#include <memory>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include "core/philox.hpp"
#include "engine/engine.hpp"
#include "model/network.hpp"

namespace fluxsbi::test {

/// v = W2 gelu(scale * (W1 [obs, t, cond] + b1)) + b2 for one obs token and one cond token of `channels`
/// channels: matrices, biases, and a scale of shape [1, 1, hidden] as the real networks have. The null
/// condition is 0.
class ToyNetwork : public model::Network {
 public:
  explicit ToyNetwork(int64_t channels = 2, int64_t hidden = 24) : channels_(channels) {
    inner = register_module("inner", torch::nn::Linear(2 * channels + 1, hidden));
    scale = register_parameter("scale", at::ones({1, 1, hidden}));
    outer = register_module("outer", torch::nn::Linear(hidden, channels));
    initialise(1);
  }

  torch::Tensor forward(const model::Inputs& in) override {
    const auto type = scale.scalar_type();
    const int64_t rows = in.obs.size(0);
    const auto time = in.t.reshape({-1, 1, 1}).expand({rows, 1, 1});
    at::Tensor cond = in.cond.expand({rows, -1, -1});
    if (in.conditioned.defined()) cond = cond * in.conditioned.view({-1, 1, 1});
    const auto joined = at::cat({in.obs, time, cond}, 2).to(type);  // [B, 1, 2 C + 1]
    const auto hidden = at::gelu(inner->forward(joined) * scale, "tanh");
    return outer->forward(hidden).to(at::kFloat);
  }
  bool joint() const override { return false; }
  void initialise(uint64_t seed) override {
    const at::NoGradGuard no_grad;
    auto generator =
        at::make_generator<at::CPUGeneratorImpl>(core::derive_seed(seed, core::Purpose::initialisation, 0));
    for (auto& parameter : parameters()) parameter.normal_(0, 0.4, generator);
  }

  torch::nn::Linear inner{nullptr}, outer{nullptr};
  torch::Tensor scale;

 private:
  int64_t channels_;
};

/// The same for a joint model: v = W2 gelu(W1 [row, mask, t] + b1) + b2 over all tokens of a row at once.
class ToyJointNetwork : public model::Network {
 public:
  explicit ToyJointNetwork(int64_t tokens, int64_t channels = 1, int64_t hidden = 24) {
    inner = register_module("inner", torch::nn::Linear(tokens * (channels + 1) + 1, hidden));
    outer = register_module("outer", torch::nn::Linear(hidden, tokens * channels));
    initialise(1);
  }

  torch::Tensor forward(const model::Inputs& in) override {
    const int64_t rows = in.obs.size(0);
    const auto type = inner->weight.scalar_type();
    const auto mask = in.condition_mask.defined() ? in.condition_mask.expand({rows, -1, 1}).flatten(1)
                                                  : at::zeros({rows, in.obs.size(1)});
    const auto joined =
        at::cat({in.obs.flatten(1), mask.to(at::kFloat), in.t.view({-1, 1}).expand({rows, 1})}, 1).to(type);
    return outer->forward(at::gelu(inner->forward(joined), "tanh")).view(in.obs.sizes()).to(at::kFloat);
  }
  bool joint() const override { return true; }
  void initialise(uint64_t seed) override {
    const at::NoGradGuard no_grad;
    auto generator =
        at::make_generator<at::CPUGeneratorImpl>(core::derive_seed(seed, core::Purpose::initialisation, 0));
    for (auto& parameter : parameters()) parameter.normal_(0, 0.3, generator);
  }

  torch::nn::Linear inner{nullptr}, outer{nullptr};
};

/// Flow matching's regression of `theta` [B, L, C] on x: states between noise `normal` and theta at times t
/// [B].
inline engine::Regression toy_regression(const at::Tensor& theta, const at::Tensor& x,
                                         const at::Tensor& normal, const at::Tensor& t) {
  engine::Regression problem;
  problem.inputs.t = t;
  problem.inputs.obs = normal + t.reshape({-1, 1, 1}) * (theta - normal);
  problem.inputs.cond = x;
  problem.target = theta - normal;
  problem.weight = at::full({1, 1, 1}, 1.0 / static_cast<double>(theta.numel()));
  return problem;
}

/// Rows (theta, x): x normal, theta = a nonlinear function of x plus noise. Both [rows, 1, channels].
struct ToyData {
  at::Tensor theta, x;
};
inline ToyData toy_data(int64_t rows, uint64_t seed, int64_t channels = 2) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor x = at::empty({rows, 1, channels}).normal_(0, 1, generator);
  const at::Tensor noise = at::empty({rows, 1, channels}).normal_(0, 0.2, generator);
  return {at::sin(2 * x) + noise, x};
}

}  // namespace fluxsbi::test
