// Networks as graphs of the tile engine: the forward pass of lib/model once more, in operations on a tile.
// Parameters go by the names that the modules give them.
#pragma once

#include <string>

#include "engine/tile/graph.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine::lowering {

/// The graph of a network. `edges`: it is given an edge mask (Simformer).
tile::Graph graph_of(const model::Network& network, const tile::ParameterTable& parameters,
                     const tile::Wanted& wanted, bool edges);

/// True where there is a graph of it.
bool covers(const model::Network& network);

/// Tokens that pass through the blocks of a network that is covered.
int64_t tokens_of(const model::Network& network);

}  // namespace fluxsbi::engine::lowering
