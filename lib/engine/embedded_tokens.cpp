#include "engine/embedded_tokens.hpp"

#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/work_queue.hpp"

namespace fluxsbi::engine {

EmbeddedTokens::EmbeddedTokens(const FlatParameters& parameters, const at::Tensor& x) {
  const std::vector<Part> rows = part_per_thread(x.size(0));
  parts_.resize(rows.size());
  std::vector<at::Tensor> values(rows.size());
  share_out(static_cast<int64_t>(rows.size()), [&](int64_t piece, int64_t) {
    const at::AutoGradMode with_grad(true);
    const auto i = static_cast<size_t>(piece);
    parts_[i] = parameters.network()->embed(x.narrow(0, rows[i].first, rows[i].count));
    values[i] = parts_[i].detach();
  });
  tokens_ = at::cat(values);
}

void EmbeddedTokens::backward(const at::Tensor& gradient, FlatParameters& parameters) const {
  if (!parts_.front().requires_grad()) return;  // the embedding is fixed
  const at::Tensor of_rows = tokens_.size(0) == gradient.size(0) ? gradient : gradient.sum(0, true);
  const auto all = parameters.network()->parameters();
  std::vector<at::Tensor> leaves, sums;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!parameters.entries[i].name.starts_with("embedding.")) continue;
    leaves.push_back(all[i]);
    sums.push_back(FlatParameters::view(parameters.gradient, parameters.entries[i]));
  }
  std::vector<int64_t> sizes;
  for (const at::Tensor& part : parts_) sizes.push_back(part.size(0));
  const auto cotangents = of_rows.split_with_sizes(sizes);
  std::vector<torch::autograd::variable_list> found(parts_.size());
  share_out(static_cast<int64_t>(parts_.size()), [&](int64_t piece, int64_t) {
    const auto i = static_cast<size_t>(piece);
    found[i] = torch::autograd::grad({parts_[i]}, leaves, {cotangents[i]}, /*retain_graph=*/std::nullopt,
                                     /*create_graph=*/false, /*allow_unused=*/true);
  });
  const at::NoGradGuard no_grad;
  for (const auto& gradients : found) {  // in this order every time: the same bits again
    for (size_t k = 0; k < leaves.size(); ++k) {
      if (gradients[k].defined()) sums[k].add_(gradients[k]);
    }
  }
}

}  // namespace fluxsbi::engine
