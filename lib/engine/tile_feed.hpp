// Between the tensors of a batch and the cells of a tile.
#pragma once

#include <map>

#include "engine/engine.hpp"
#include "engine/tile/program.hpp"

namespace fluxsbi::engine {

/// A tensor [B or 1, T, F] read by tile: float32 in any layout.
class Feed {
 public:
  /// x [B or 1, T, F] of any type, or of fewer axes where T and F are 1 ([B], [B, F])
  explicit Feed(const at::Tensor& x);

  /// True for [rows or 1, T, F] of the value.
  bool fits(int64_t rows, const tile::Value& value) const;

  /// The rows [first, first + lanes) into the cells of `to`; beyond the last row its values once more, which
  /// are as finite as it is.
  void fill(const tile::Out& to, int64_t first, int64_t rows) const;

 private:
  at::Tensor x_;  // [B or 1, T, F] float32
  int64_t row_ = 0, token_ = 0, feature_ = 0;
};

/// Copies the cells of a tile to the rows [first, first + count) of x [B, T, F] float32, contiguous.
void unload(const tile::In& from, int64_t first, int64_t count, const at::Tensor& x);

/// The loss of a regression and its cotangent, tile by tile.
class LossOfTile {
 public:
  /// loss: not scaled; cotangent: times `scale`
  LossOfTile(const Regression& problem, double scale);

  /// Writes the gradient of the output's cells, zero beyond the rows [first, first + count), and returns the
  /// loss of these rows.
  double operator()(const tile::In& output, const tile::Out& gradient, int64_t first, int64_t count) const;

 private:
  at::Tensor target_, weight_;  // [B, L, C]
  float factor_;
};

/// What a call brings for the inputs of a graph. Throws InternalError for an input that is missing, left over
/// or of another shape.
std::map<tile::Slot, Feed> feeds_of(const model::Inputs& inputs, const tile::Graph& graph);

}  // namespace fluxsbi::engine
