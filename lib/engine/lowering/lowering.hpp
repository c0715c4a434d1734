// Networks as graphs of the tile engine: the forward pass of lib/model written once more, in operations on a
// tile. Parameters have the names that the modules give them.
#pragma once

#include "engine/tile/graph.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine::lowering {

/// What the tile engine knows of one kind of network; its functions are given networks of that kind.
struct Traits {
  /// True for a network of this kind.
  bool (*matches)(const model::Network& network);
  /// Fills the graph. `edges`: the call has an edge mask, the network's own or one that it brings.
  void (*add_to_graph)(tile::Graph& graph, const model::Network& network, bool edges);
  /// The rotations of the tokens [T, B or 1, 2, H, D / 2] complex; undefined without RoPE.
  at::Tensor (*rope)(const model::Network& network, const model::Inputs& inputs);
  /// The network's own edge mask [L, L], for calls that bring none; undefined where it has none.
  at::Tensor (*edges)(const model::Network& network);
  /// True where tiles can take the ids of a call (one_numbering). Others are rare; the modules handle them.
  bool (*covers_ids)(const model::Network& network, const model::Inputs& inputs);
};

/// The row of a main network (model::Network::main); null where the tile engine does not know its kind.
const Traits* traits_of(const model::Network& network);

}  // namespace fluxsbi::engine::lowering
