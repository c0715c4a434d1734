#include "model/embedding/set.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/log.h>
#include <ATen/ops/nan_to_num.h>

#include "model/ops/elementwise.hpp"

namespace fluxsbi::model {

namespace {

// The elements in lexicographic order, NaN last: stable sorts by the last channel first.
torch::Tensor sorted(torch::Tensor x) {
  for (int64_t channel = x.size(2) - 1; channel >= 0; --channel) {
    const torch::Tensor order = at::argsort(x.select(2, channel), /*stable=*/true, /*dim=*/1);  // [B, S]
    x = x.gather(1, order.unsqueeze(2).expand(x.sizes()));
  }
  return x;
}

}  // namespace

SetEmbedding::SetEmbedding(const SetShape& shape) : shape_(shape) {
  phi_ =
      register_module("phi", std::make_shared<Mlp>(shape.channels, shape.hidden, shape.layers, shape.hidden));
  int64_t made_by_rho = shape.tokens * shape.features;
  if (shape.pool == Pool::attention) {
    attention_ = register_module("pooling",
                                 std::make_shared<AttentionPooling>(shape.hidden, shape.heads, shape.tokens));
    made_by_rho = shape.features;  // of each query's result
  }
  rho_ = register_module("rho",
                         std::make_shared<Mlp>(shape.hidden + 1, shape.hidden, shape.layers, made_by_rho));
}

torch::Tensor SetEmbedding::forward(const torch::Tensor& x) const {
  torch::Tensor elements = sorted(x);
  const torch::Tensor present = at::isnan(elements.select(2, 0)).logical_not();       // [B, S]
  const torch::Tensor count = present.sum(1).to(at::kFloat).view({x.size(0), 1, 1});  // [B, 1, 1]
  elements = at::nan_to_num(elements, 0);
  const torch::Tensor pooled = pool(ops::gelu(phi_->forward(elements)), present, count);
  const torch::Tensor size = at::log(count).expand({-1, pooled.size(1), 1});
  return rho_->forward(at::cat({pooled, size}, 2)).view({x.size(0), shape_.tokens, shape_.features});
}

torch::Tensor SetEmbedding::pool(const torch::Tensor& h, const torch::Tensor& present,
                                 const torch::Tensor& count) const {
  if (attention_) return attention_->forward(h, present);
  const torch::Tensor sum = (h * present.unsqueeze(2)).sum(1, /*keepdim=*/true);
  return shape_.pool == Pool::mean ? sum / count : sum;
}

void SetEmbedding::initialise(Initialiser& initialiser) const {
  phi_->initialise(initialiser);
  if (attention_) attention_->initialise(initialiser);
  rho_->initialise(initialiser);
}

}  // namespace fluxsbi::model
