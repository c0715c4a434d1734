#include "engine/tile_gradient.hpp"

namespace fluxsbi::engine {

namespace {

using tile::Slot;

// Parts that a thread's share of a training batch is cut into: more would let a held-up thread hand over
// more, and cost memory and a sum each.
constexpr int64_t parts_per_thread = 2;

// The sums of each part; they stay allocated from call to call.
std::vector<tile::Numbers>& sums_of(const TileCall& call, size_t parts) {
  auto& sums = call.prepared.sums;
  const int64_t size = call.program().graph().weights().sums_size();
  while (sums.size() < parts) sums.emplace_back(static_cast<size_t>(size));
  return sums;
}

// One tile, forward and backward; returns its loss. The first tile of a part writes the sums, the others add.
double add_tile(const TileCall& call, tile::Frame& frame, const LossOfTile& loss_of, int64_t tile, bool first,
                const at::Tensor& cond_gradient) {
  const Part rows = call.rows_in(tile);
  call.forward(frame, rows.first, first ? tile::Level::once : tile::Level::per_time);
  const double loss =
      loss_of(frame.read(call.output()), frame.gradient_to(call.output()), rows.first, rows.count);
  frame.adds_sums = !first;
  call.program().backward(frame);
  if (cond_gradient.defined()) {
    unload(frame.gradient_of(call.input(Slot::cond)), rows.first, rows.count, cond_gradient);
  }
  return loss;
}

}  // namespace

double add_gradient(const TileCall& call, const LossOfTile& loss_of, const at::Tensor& gradient,
                    const at::Tensor& cond_gradient) {
  const int64_t parts = std::min(call.tiles(), parts_per_thread * at::get_num_threads());
  const std::vector<Part> tiles_of = divide(call.tiles(), parts);
  auto& sums = sums_of(call, tiles_of.size());
  std::vector<double> losses(tiles_of.size(), 0);
  share_out(parts, [&](int64_t part, int64_t thread) {
    const auto at = static_cast<size_t>(part);
    tile::Frame& frame = call.frame_of(thread);
    frame.sums = sums[at].data();
    const auto [begin, count] = tiles_of[at];
    for (int64_t tile = begin; tile < begin + count; ++tile) {
      losses[at] += add_tile(call, frame, loss_of, tile, tile == begin, cond_gradient);
    }
  });
  std::vector<const float*> of_parts;
  double loss = 0;
  for (size_t part = 0; part < tiles_of.size(); ++part) {
    of_parts.push_back(sums[part].data());
    loss += losses[part];
  }
  const tile::Weights& weights = call.program().graph().weights();
  float* flat = gradient.mutable_data_ptr<float>();
  share_out(weights.pieces(), [&](int64_t piece, int64_t) { weights.reduce(piece, of_parts, flat); });
  return loss;
}

}  // namespace fluxsbi::engine
