// One function a model; see lowering.hpp.
#pragma once

#include "engine/tile/graph.hpp"
#include "model/flux1/flux1.hpp"
#include "model/flux1joint/flux1joint.hpp"
#include "model/simformer/simformer.hpp"

namespace fluxsbi::engine::lowering {

void add_flux1(tile::Graph& graph, const model::Flux1Shape& shape);
void add_flux1joint(tile::Graph& graph, const model::Flux1JointShape& shape);
void add_simformer(tile::Graph& graph, const model::SimformerShape& shape, bool edges);

}  // namespace fluxsbi::engine::lowering
