#include "model/embedding/embedded_network.hpp"

#include <utility>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "model/embedding/linear_map.hpp"

namespace fluxsbi::model {

EmbeddedNetwork::EmbeddedNetwork(std::shared_ptr<Embedding> embedding, std::shared_ptr<Network> network)
    : embedding_(std::move(embedding)), network_(std::move(network)) {
  register_module("embedding", embedding_);
  register_module("network", network_);
}

torch::Tensor EmbeddedNetwork::forward(const Inputs& inputs) {
  if (inputs.embedded) return network_->forward(inputs);
  Inputs tokens = inputs;
  tokens.cond = embed(inputs.cond);
  tokens.embedded = true;
  return network_->forward(tokens);
}

void EmbeddedNetwork::initialise(uint64_t seed) {
  network_->initialise(seed);
  // Numbers of its own: the k-th parameters of both would otherwise start alike.
  Initialiser initialiser(core::derive_seed(seed, core::Purpose::initialisation, 0));
  embedding_->initialise(initialiser);
}

data::DataShape resolve(Spec& model, EmbeddingSpec& embedding, const data::DataShape& shape) {
  if (embedding.active() && !model.takes_embedding()) {
    throw core::UserError("embedding.network = " + embedding.options().network + ": strategy.model " +
                          std::string(model.name()) +
                          " learns the joint distribution of theta and x, so that x cannot be replaced by "
                          "summaries of it; use strategy.model: flux1, or embedding.network: none");
  }
  data::DataShape of_x = shape;
  if (!model.takes_embedding())
    of_x.padded = of_x.missing = false;  // a joint model marks tokens that are missing
  data::DataShape seen = embedding.resolve(of_x);
  model.resolve(seen);
  return seen;
}

std::shared_ptr<Network> build_network(const Spec& model, const EmbeddingSpec& embedding) {
  if (!embedding.stands_before()) return model.build();
  return std::make_shared<EmbeddedNetwork>(embedding.build(), model.build());
}

void begin_with(const data::Regression& regression, Network& network) {
  auto* embedded = dynamic_cast<EmbeddedNetwork*>(&network);
  auto* linear = embedded ? dynamic_cast<LinearEmbedding*>(&embedded->embedding()) : nullptr;
  if (linear && !regression.empty()) linear->begin_with(regression);
}

}  // namespace fluxsbi::model
