#include "engine/tile_feed.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

namespace fluxsbi::engine {

namespace {

// [B or 1, T, F]
at::Tensor three_axes(const at::Tensor& x) {
  if (x.dim() == 1) return x.unsqueeze(1).unsqueeze(2);
  return x.dim() == 2 ? x.unsqueeze(1) : x;
}

at::Tensor input_of(const model::Inputs& inputs, tile::Slot slot) {
  using tile::Slot;
  switch (slot) {
    case Slot::t:
      return inputs.t;
    case Slot::guidance:
      return inputs.guidance;
    case Slot::unconditioned:
      return inputs.conditioned.defined() ? inputs.conditioned.logical_not() : at::Tensor();
    case Slot::obs:
      return inputs.obs;
    case Slot::cond:
      return inputs.cond;
    case Slot::condition_mask:
      return inputs.condition_mask;
    case Slot::edges:
      return inputs.edge_mask.dim() == 2 ? inputs.edge_mask.unsqueeze(0) : inputs.edge_mask;
  }
  return {};
}

}  // namespace

Feed::Feed(const at::Tensor& x) : x_(three_axes(x).to(at::kFloat)) {
  row_ = x_.size(0) == 1 ? 0 : x_.stride(0);
  token_ = x_.stride(1);
  feature_ = x_.stride(2);
}

void Feed::fill(const tile::Out& to, int64_t first, int64_t rows) const {
  const float* from[tile::lanes];
  for (int64_t s = 0; s < tile::lanes; ++s) {
    from[s] = x_.const_data_ptr<float>() + std::min(first + s, rows - 1) * row_;
  }
  for (int64_t t = 0; t < to.T; ++t) {
    for (int64_t f = 0; f < to.F; ++f) {
      float* cell = to.at(t, f);
      for (int64_t s = 0; s < tile::lanes; ++s) cell[s] = from[s][t * token_ + f * feature_];
    }
  }
}

void unload(const tile::In& from, int64_t first, int64_t count, const at::Tensor& x) {
  float* to = x.mutable_data_ptr<float>() + first * x.stride(0);
  for (int64_t t = 0; t < from.T; ++t) {
    for (int64_t f = 0; f < from.F; ++f) {
      const float* cell = from.at(t, f);
      for (int64_t s = 0; s < count; ++s) to[s * x.stride(0) + t * from.F + f] = cell[s];
    }
  }
}

std::map<tile::Slot, Feed> feeds_of(const model::Inputs& inputs, const tile::Graph& graph) {
  std::map<tile::Slot, Feed> feeds;
  for (const auto& [slot, value] : graph.inputs()) {
    const at::Tensor x = input_of(inputs, slot);
    feeds.emplace(slot, x.defined() ? x : at::zeros({1, value.T, value.F}));
  }
  return feeds;
}

}  // namespace fluxsbi::engine
