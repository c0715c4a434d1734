#include "model/embedding/pooling.hpp"

#include <cmath>
#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"

namespace fluxsbi::model {

AttentionPooling::AttentionPooling(int64_t width, int64_t heads, int64_t queries) : heads_(heads) {
  core::require(width % heads == 0, "the heads divide the width of a pooling");
  query_ = register_parameter("query", at::zeros({queries, width}));
  key_ = register_module("key",
                         std::make_shared<Linear>(width, width, /*has_bias=*/false));  // softmax ignores it
  value_ = register_module("value", std::make_shared<Linear>(width, width));
  out_ = register_module("out", std::make_shared<Linear>(width, width));
}

torch::Tensor AttentionPooling::forward(const torch::Tensor& x, const torch::Tensor& present) const {
  const int64_t B = x.size(0), N = x.size(1), W = x.size(2), Q = query_.size(0), D = W / heads_;
  const auto by_head = [&](const torch::Tensor& tokens) {  // [B, N, W] -> [B, H, N, D]
    return tokens.reshape({B, N, heads_, D}).transpose(1, 2);
  };
  const torch::Tensor key = by_head(key_->forward_wide(x));
  const torch::Tensor value = by_head(value_->forward_wide(x));
  const torch::Tensor query = query_.to(at::kFloat).view({Q, heads_, D}).transpose(0, 1);  // [H, Q, D]
  torch::Tensor score =
      at::matmul(query, key.transpose(2, 3)) / std::sqrt(static_cast<double>(D));  // [B, H, Q, N]
  if (present.defined()) {
    const torch::Tensor absent = present.logical_not().view({B, 1, 1, N});
    score = score.masked_fill(absent, -std::numeric_limits<double>::infinity());
  }
  const torch::Tensor pooled = at::matmul(at::softmax(score, -1), value);  // [B, H, Q, D]
  return out_->forward_wide(pooled.transpose(1, 2).reshape({B, Q, W}));
}

void AttentionPooling::initialise(Initialiser& initialiser) const {
  initialiser.normal(query_, 1);
  key_->initialise(initialiser);
  value_->initialise(initialiser);
  out_->initialise(initialiser);
}

Readout::Readout(int64_t width, int64_t features) : each_(true) {
  out_ = register_module("out", std::make_shared<Linear>(width, features));
}

Readout::Readout(int64_t positions, int64_t width, Pool pool, int64_t heads, int64_t features) : pool_(pool) {
  if (pool == Pool::attention) {
    attention_ = register_module("pooling", std::make_shared<AttentionPooling>(width, heads, 1));
  }
  const int64_t in = pool == Pool::flatten ? positions * width : width;
  out_ = register_module("out", std::make_shared<Linear>(in, features));
}

torch::Tensor Readout::forward(const torch::Tensor& x, const torch::Tensor& present) const {
  if (each_) return out_->forward_wide(x);
  if (attention_) return out_->forward_wide(attention_->forward(x, present));
  if (pool_ == Pool::flatten) return out_->forward_wide(x.flatten(1).unsqueeze(1));
  if (present.defined()) {
    const torch::Tensor sum = (x * present.unsqueeze(2)).sum(1, /*keepdim=*/true);
    return out_->forward_wide(pool_ == Pool::mean ? sum / present.sum(1).view({-1, 1, 1}) : sum);
  }
  return out_->forward_wide(pool_ == Pool::mean ? x.mean(1, /*keepdim=*/true) : x.sum(1, /*keepdim=*/true));
}

void Readout::initialise(Initialiser& initialiser) const {
  if (attention_) attention_->initialise(initialiser);
  out_->initialise(initialiser);
}

}  // namespace fluxsbi::model
