// Between the tensors of a batch and the cells of a tile.
#pragma once

#include <map>

#include "engine/tile/program.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine {

/// A tensor [B or 1, T, F] read by tile: float32 in any layout.
class Feed {
 public:
  /// x [B or 1, T, F] of any type, or of fewer axes where T and F are 1 ([B], [B, F])
  explicit Feed(const at::Tensor& x);

  /// The rows [first, first + lanes) into the cells of `to`; beyond the last row its values once more, which
  /// are as finite as it is.
  void fill(const tile::Out& to, int64_t first, int64_t rows) const;

 private:
  at::Tensor x_;  // [B or 1, T, F] float32
  int64_t row_ = 0, token_ = 0, feature_ = 0;
};

/// Copies the cells of a tile to the rows [first, first + count) of x [B, T, F] float32, contiguous.
void unload(const tile::In& from, int64_t first, int64_t count, const at::Tensor& x);

/// What a call brings for the inputs of a graph; slots that it leaves out get what leaves them without
/// effect.
std::map<tile::Slot, Feed> feeds_of(const model::Inputs& inputs, const tile::Graph& graph);

}  // namespace fluxsbi::engine
