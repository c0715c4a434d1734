// A network in the form in which equations evaluate it: observations are bound to the items of a chunk.
#pragma once

#include <functional>
#include <vector>

#include "engine/engine.hpp"
#include "model/network.hpp"
#include "sample/solver/equation.hpp"

namespace fluxsbi::sample {

/// A network with the conditions of a chunk's items bound.
struct Bound {
  Evaluate network;
  at::Tensor given = {};    ///< [n or 1, L, 1] bool: tokens of the state that are conditions; undefined: none
  PullBack pull_back = {};  ///< of the same network, for densities; absent if they are not needed
  Evaluate unconditional = {};  ///< by the learned null condition; undefined: none was learned
  /// On the device, the tensors of its own in which the conditions stand: whoever fills them with those of
  /// other items of the same shapes has these bound (recorded_chunks.hpp).
  std::vector<at::Tensor> reads = {};
  /// In place of `network`: the output at path times t [n or 1, 1, 1] and states x [n, L, C] that follows
  /// from `composed_of` evaluations (together.hpp); undefined: `network` it is.
  std::function<at::Tensor(const method::Path& path, const at::Tensor& t, const at::Tensor& x)> composed = {};
  int64_t composed_of = 1;
};

/// A network's inputs for t [1 or n], x [n, L, C] and the items of the chunk that these are (undefined: all).
using MakeInputs =
    std::function<model::Inputs(const at::Tensor& t, const at::Tensor& x, const at::Tensor& items)>;

/// Network and pull-back of the engine, which must outlive them, under these inputs. Gradients are 0 at
/// tokens that the inputs' condition_mask gives and at those without a value.
Bound bound_of(engine::Engine& engine, const MakeInputs& make_inputs);

}  // namespace fluxsbi::sample
