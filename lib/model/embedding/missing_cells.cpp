#include "model/embedding/missing_cells.hpp"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

namespace fluxsbi::model {

MissingCells::MissingCells(int64_t places, int64_t channels, bool places_alike,
                           std::shared_ptr<Embedding> network)
    : places_(places), channels_(channels), network_(std::move(network)) {
  missing_ = register_parameter("missing", at::zeros({places_alike ? 1 : places, channels}));
  if (network_) register_module("network", network_);
}

torch::Tensor MissingCells::forward(const torch::Tensor& x) const {
  const torch::Tensor values = x.reshape({x.size(0), places_, channels_});
  const torch::Tensor missing = at::isnan(values);
  const torch::Tensor filled = at::where(missing, missing_.to(at::kFloat), values);
  const torch::Tensor both = at::cat({filled, missing.to(at::kFloat)}, 2);
  return network_ ? network_->forward(both) : both;
}

void MissingCells::initialise(Initialiser& initialiser) const {
  initialiser.constant(missing_, 0);
  if (network_) network_->initialise(initialiser);
}

torch::Tensor present_places(const torch::Tensor& values_and_marks) {
  const at::NoGradGuard no_grad;
  const int64_t channels = values_and_marks.size(2) / 2;
  const torch::Tensor present = values_and_marks.narrow(2, channels, channels).lt(0.5).any(2);  // [B, places]
  return present.logical_or(present.any(1, /*keepdim=*/true).logical_not());
}

}  // namespace fluxsbi::model
