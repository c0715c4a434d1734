#include "model/blocks/norm.hpp"

#include <ATen/ops/ones.h>

namespace fluxsbi::model {

Modulation::Modulation(int64_t hidden, int64_t triples) : triples_(triples) {
  lin_ = register_module("lin",
                         std::make_shared<Linear>(hidden, 3 * triples * hidden, true, Linear::Start::zero));
}

std::vector<Triple> Modulation::forward(const torch::Tensor& signal) const {
  const auto parts = lin_->forward(signal).chunk(3 * triples_, -1);
  std::vector<Triple> result;
  for (size_t i = 0; i < parts.size(); i += 3) result.push_back({parts[i], parts[i + 1], parts[i + 2]});
  return result;
}

QkNorm::RmsNorm::RmsNorm(int64_t width) {
  scale = register_parameter("scale", at::ones({width}));
}

QkNorm::QkNorm(int64_t head_dim) {
  query_norm_ = register_module("query_norm", std::make_shared<RmsNorm>(head_dim));
  key_norm_ = register_module("key_norm", std::make_shared<RmsNorm>(head_dim));
}

std::pair<torch::Tensor, torch::Tensor> QkNorm::scales() const {
  return {query_norm_->scale, key_norm_->scale};
}

void QkNorm::initialise(Initialiser& initialiser) const {
  initialiser.constant(query_norm_->scale, 1);
  initialiser.constant(key_norm_->scale, 1);
}

}  // namespace fluxsbi::model
