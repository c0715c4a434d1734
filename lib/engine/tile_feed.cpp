#include "engine/tile_feed.hpp"

#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"

namespace fluxsbi::engine {

namespace {

// [B or 1, T, F]
at::Tensor three_axes(const at::Tensor& x) {
  if (x.dim() == 1) return x.unsqueeze(1).unsqueeze(2);
  return x.dim() == 2 ? x.unsqueeze(1) : x;
}

constexpr tile::Slot all_slots[] = {tile::Slot::t,    tile::Slot::guidance, tile::Slot::unconditioned,
                                    tile::Slot::obs,  tile::Slot::cond,     tile::Slot::condition_mask,
                                    tile::Slot::edges};

// Absent they mean: all rows conditioned, no token conditioned on.
bool is_optional(tile::Slot slot) {
  return slot == tile::Slot::unconditioned || slot == tile::Slot::condition_mask;
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
      return model::mark_factor(inputs);
    case Slot::edges:
      return inputs.edge_mask.defined() && inputs.edge_mask.dim() == 2 ? inputs.edge_mask.unsqueeze(0)
                                                                       : inputs.edge_mask;
  }
  return {};
}

}  // namespace

Feed::Feed(const at::Tensor& x) : x_(three_axes(x).to(at::kFloat)) {
  row_ = x_.size(0) == 1 ? 0 : x_.stride(0);
  token_ = x_.stride(1);
  feature_ = x_.stride(2);
}

bool Feed::fits(int64_t rows, const tile::Value& value) const {
  return (x_.size(0) == rows || x_.size(0) == 1) && x_.size(1) == value.T && x_.size(2) == value.F;
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

LossOfTile::LossOfTile(const Regression& problem, double scale)
    : target_(problem.target.contiguous()),
      weight_(problem.weight.expand(target_.sizes())),
      factor_(static_cast<float>(2 * scale)) {}

double LossOfTile::operator()(const tile::In& output, const tile::Out& gradient, int64_t first,
                              int64_t count) const {
  const auto steps = weight_.strides();  // weight may be one for many
  const float* target = target_.const_data_ptr<float>() + first * target_.stride(0);
  const float* weight = weight_.const_data_ptr<float>() + first * steps[0];
  double loss = 0;
  for (int64_t l = 0; l < output.T; ++l) {
    for (int64_t c = 0; c < output.F; ++c) {
      const float* y = output.at(l, c);
      float* slopes = gradient.at(l, c);
      std::fill_n(slopes, tile::lanes, 0.0F);
      for (int64_t s = 0; s < count; ++s) {
        const float difference = y[s] - target[s * target_.stride(0) + l * output.F + c];
        const float slope = difference * weight[s * steps[0] + l * steps[1] + c * steps[2]];
        loss += static_cast<double>(slope) * static_cast<double>(difference);
        slopes[s] = slope * factor_;
      }
    }
  }
  return loss;
}

std::map<tile::Slot, Feed> feeds_of(const model::Inputs& inputs, const tile::Graph& graph) {
  const int64_t rows = inputs.obs.size(0);
  std::map<tile::Slot, Feed> feeds;
  for (const tile::Slot slot : all_slots) {
    const at::Tensor x = input_of(inputs, slot);
    const auto found = graph.inputs().find(slot);
    if (found == graph.inputs().end()) {
      core::require(!x.defined(), "tile engine: the network takes every input that it is given");
      continue;
    }
    const tile::Value& value = found->second;
    core::require(x.defined() || is_optional(slot),
                  "tile engine: the network is given every input that it needs");
    const Feed& feed = feeds.emplace(slot, x.defined() ? x : at::zeros({1, value.T, value.F})).first->second;
    core::require(feed.fits(rows, value), "tile engine: inputs are of the network's shape");
  }
  return feeds;
}

}  // namespace fluxsbi::engine
