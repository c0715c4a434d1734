#include "engine/lowering/lowering.hpp"

#include "engine/lowering/networks.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::engine::lowering {

const model::Network& main_of(const model::Network& network) {
  const auto* embedded = dynamic_cast<const model::EmbeddedNetwork*>(&network);
  return embedded ? embedded->network() : network;
}

std::string prefix_of(const model::Network& network) {
  return &main_of(network) == &network ? "" : "network.";
}

tile::Graph graph_of(const model::Network& network, const tile::ParameterTable& parameters,
                     const tile::Wanted& wanted, bool edges) {
  tile::Graph graph(parameters, wanted);
  if (const auto* flux1 = dynamic_cast<const model::Flux1*>(&network)) {
    add_flux1(graph, flux1->shape());
  } else if (const auto* joint = dynamic_cast<const model::Flux1Joint*>(&network)) {
    add_flux1joint(graph, joint->shape());
  } else if (const auto* simformer = dynamic_cast<const model::Simformer*>(&network)) {
    add_simformer(graph, simformer->shape(), edges);
  } else {
    core::require(false, "the tile engine has a graph of this network");
  }
  return graph;
}

int64_t tokens_of(const model::Network& network) {
  if (const auto* flux1 = dynamic_cast<const model::Flux1*>(&network)) {
    return flux1->shape().obs.tokens + flux1->shape().cond.tokens;
  }
  if (const auto* joint = dynamic_cast<const model::Flux1Joint*>(&network)) return joint->shape().tokens;
  return dynamic_cast<const model::Simformer&>(network).shape().tokens;
}

bool covers(const model::Network& network) {
  return dynamic_cast<const model::Flux1*>(&network) || dynamic_cast<const model::Flux1Joint*>(&network) ||
         dynamic_cast<const model::Simformer*>(&network);
}

}  // namespace fluxsbi::engine::lowering
