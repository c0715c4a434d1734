// Networks as graphs of the tile engine: the forward pass of lib/model written once more, in operations on a
// tile. Parameters have the names that the modules give them.
#pragma once

#include <string>

#include "engine/tile/graph.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine::lowering {

/// The main network behind an embedding network; the network itself where there is none.
const model::Network& main_of(const model::Network& network);
/// The prefix of the names of its parameters: "network." or "".
std::string prefix_of(const model::Network& network);

/// The graph of a main network, its parameters without the prefix. `edges`: it is given an edge mask
/// (Simformer).
tile::Graph graph_of(const model::Network& network, const tile::ParameterTable& parameters,
                     const tile::Wanted& wanted, bool edges);

/// True where there is a graph of it.
bool covers(const model::Network& network);

/// Tokens that pass through the blocks of a network that is covered.
int64_t tokens_of(const model::Network& network);

}  // namespace fluxsbi::engine::lowering
