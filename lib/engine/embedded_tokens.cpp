#include "engine/embedded_tokens.hpp"

#include <algorithm>

#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/autograd.h>

#include "engine/work_queue.hpp"

namespace fluxsbi::engine {

namespace {

// Below this many rows a part's arithmetic no longer outweighs the calls that it repeats.
constexpr int64_t least_rows = 32;

}  // namespace

EmbeddedTokens::EmbeddedTokens(const FlatParameters& parameters, const at::Tensor& x) {
  const int64_t rows = x.size(0);
  const int64_t count = std::clamp<int64_t>(rows / least_rows, 1, at::get_num_threads());
  parts_.resize(static_cast<size_t>(count));
  std::vector<at::Tensor> values(parts_.size());
  share_out(count, [&](int64_t i, int64_t) {
    const at::AutoGradMode with_grad(true);
    const int64_t first = rows * i / count, last = rows * (i + 1) / count;
    at::Tensor& part = parts_[static_cast<size_t>(i)];
    part = parameters.network()->embed(x.narrow(0, first, last - first));
    values[static_cast<size_t>(i)] = part.detach();
  });
  tokens_ = at::cat(values);
}

void EmbeddedTokens::backward(const at::Tensor& gradient, FlatParameters& parameters) const {
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
