#include "model/embedding/linear_map.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <torch/autograd.h>

namespace fluxsbi::model {

LinearEmbedding::LinearEmbedding(int64_t values, int64_t tokens, int64_t features, bool learned)
    : tokens_(tokens), features_(features), learned_(learned) {
  map_ = register_module("map", std::make_shared<Linear>(values, tokens * features));
}

torch::Tensor LinearEmbedding::forward(const torch::Tensor& x) const {
  const torch::AutoGradMode with_grad(!is_fixed() && torch::GradMode::is_enabled());
  const torch::Tensor y = map_->forward_wide(x.flatten(1).unsqueeze(0));  // [1, B, T F]
  return y.view({x.size(0), tokens_, features_});
}

void LinearEmbedding::begin_with(const data::Regression& regression) {
  const torch::NoGradGuard no_gradients;
  begun_ = true;
  const int64_t values = map_->weight.size(1);
  const int64_t told = std::min(std::ssize(regression.scale), tokens_);
  for (int64_t k = 0; k < told; ++k) {
    const double left = regression.scale[static_cast<size_t>(k)];
    if (left >= 1) continue;  // nothing is explained
    const double deviation = std::sqrt(1 - left * left);
    const auto first = regression.weights.begin() + k * values;
    const torch::Tensor row = torch::tensor(std::vector<double>(first, first + values), torch::kDouble);
    map_->weight[k * features_].copy_(row / deviation);
    map_->bias[k * features_] = regression.offset[static_cast<size_t>(k)] / deviation;
  }
}

}  // namespace fluxsbi::model
