#include "bench/plain_training.hpp"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "bench/workload.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr double ema_decay = 0.999;

}  // namespace

PlainTraining::PlainTraining(std::shared_ptr<model::Network> network, const train::TrainingData& data,
                             int64_t batch)
    : network_(std::move(network)),
      rows_(data.training->slice(0, data.training->size())),
      masks_(data.condition_mask),
      batch_(batch),
      optimiser_(network_->parameters(), torch::optim::AdamWOptions(learning_rate)) {
  for (const at::Tensor& parameter : network_->parameters()) average_.push_back(parameter.detach().clone());
}

void PlainTraining::step() {
  const at::AutoGradMode with_gradient(true);
  const at::Device device = rows_.obs.device();
  const at::Tensor rows =
      at::randint(rows_.obs.size(0), {batch_}, at::TensorOptions(device).dtype(at::kLong));
  const at::Tensor data = rows_.obs.index_select(0, rows), noise = at::randn_like(data);
  model::Inputs inputs;
  inputs.t = at::rand({batch_}, data.options());
  if (rows_.cond.defined()) inputs.cond = rows_.cond.index_select(0, rows);
  const at::Tensor t = inputs.t.view({-1, 1, 1});
  inputs.obs = (1 - t) * noise + t * data;

  at::Tensor& mask = inputs.condition_mask;
  if (const auto& masks = masks_) {
    mask = masks->draw(at::rand({batch_, masks->numbers()}, data.options()));
    inputs.obs = at::where(mask, data, inputs.obs);
  }

  optimiser_.zero_grad();
  const at::Tensor miss = network_->forward(inputs) - (data - noise);
  const at::Tensor loss = (mask.defined() ? miss.masked_fill(mask, 0) : miss).square().mean();
  loss.backward();
  optimiser_.step();

  const at::NoGradGuard no_gradient;
  const auto parameters = network_->parameters();
  for (size_t i = 0; i < average_.size(); ++i) average_[i].mul_(ema_decay).add_(parameters[i], 1 - ema_decay);
}

}  // namespace fluxsbi::app::bench
