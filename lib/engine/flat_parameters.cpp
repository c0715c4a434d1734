#include "engine/flat_parameters.hpp"

#include <set>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include "core/error.hpp"
#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"

namespace fluxsbi::engine {

namespace {

constexpr int64_t alignment = 16;  // elements: 64 bytes of float32, 32 of bfloat16

int64_t aligned(int64_t elements) {
  return (elements + alignment - 1) / alignment * alignment;
}

std::set<std::string> linear_weights(const model::Network& network) {
  std::set<std::string> names;
  std::string fixed;  // modules come after those that hold them
  for (const auto& module : network.named_modules("", false)) {
    if (!fixed.empty() && module.key().starts_with(fixed)) continue;
    const auto* embedding = module.value()->as<model::Embedding>();
    if (embedding && embedding->is_fixed()) fixed = module.key() + ".";
    const bool linear = module.value()->as<model::Linear>() || module.value()->as<torch::nn::Linear>();
    if (linear) names.insert(module.key() + ".weight");
  }
  return names;
}

}  // namespace

FlatParameters::FlatParameters(std::shared_ptr<model::Network> network, at::ScalarType compute,
                               at::Device device)
    : network_(std::move(network)) {
  const at::ScalarType working_type = network_->accept(compute);
  core::require(working_type == at::kFloat || working_type == at::kBFloat16,
                "the working copy of the parameters is float32 or bfloat16");
  network_->to(device, at::kFloat);
  const auto linear = linear_weights(*network_);
  int64_t total = 0;
  for (const auto& parameter : network_->named_parameters()) {
    const at::Tensor& value = parameter.value();
    entries.push_back(
        {parameter.key(), total, value.numel(), value.sizes().vec(), linear.count(parameter.key()) > 0});
    total += aligned(value.numel());
  }
  core::require(!entries.empty(), "the network has no parameters");

  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions().device(device).dtype(at::kFloat);
  master = at::zeros({total}, options);
  gradient = at::zeros({total}, options);
  decay = at::zeros({total}, options);
  const bool shares = working_type == at::kFloat;
  working = shares ? master : at::zeros({total}, options.dtype(working_type));
  working_gradient = shares ? gradient : at::zeros({total}, options.dtype(working_type));

  auto parameters = network_->parameters();
  for (size_t i = 0; i < entries.size(); ++i) {
    view(master, entries[i]).copy_(parameters[i]);
    if (entries[i].decays) view(decay, entries[i]).fill_(1);
    parameters[i].set_data(view(working, entries[i]));
    parameters[i].mutable_grad() = view(working_gradient, entries[i]);
  }
  publish();
}

void FlatParameters::publish() {
  ++version_;
  const at::NoGradGuard no_grad;
  if (!working.is_same(master)) working.copy_(master);
}

void FlatParameters::assign(const at::Tensor& values) {
  core::require(values.numel() == master.numel(), "the values fit the flat parameters");
  const at::NoGradGuard no_grad;
  master.copy_(values.reshape({-1}));
  publish();
}

at::Tensor FlatParameters::view(const at::Tensor& flat, const Entry& entry) {
  return flat.narrow(0, entry.offset, entry.size).view(entry.shape);
}

}  // namespace fluxsbi::engine
