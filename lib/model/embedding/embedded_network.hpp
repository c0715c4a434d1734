// A network with an embedding network before its cond tokens, and how the sections `model` and `embedding`
// become one network.
#pragma once

#include <memory>

#include "data/regression.hpp"
#include "model/embedding/embedding.hpp"
#include "model/embedding/spec.hpp"
#include "model/network.hpp"

namespace fluxsbi::model {

/// Parameters: embedding.* and network.*
class EmbeddedNetwork : public Network {
 public:
  EmbeddedNetwork(std::shared_ptr<Embedding> embedding, std::shared_ptr<Network> network);

  /// inputs.cond is raw x [B or 1, M, K], or the result of embed() where inputs.embedded says so.
  torch::Tensor forward(const Inputs& inputs) override;
  torch::Tensor embed(const torch::Tensor& x) override { return embedding_->forward(x); }
  bool joint() const override { return network_->joint(); }
  void initialise(uint64_t seed) override;

  const Network& main() const override { return network_->main(); }
  const Embedding& embedding() const { return *embedding_; }
  Embedding& embedding() { return *embedding_; }

 private:
  std::shared_ptr<Embedding> embedding_;
  std::shared_ptr<Network> network_;
};

/// Resolves both sections for the data and returns the shape that the model itself sees. Throws UserErrors;
/// also for a model that takes no embedding network.
data::DataShape resolve(Spec& model, EmbeddingSpec& embedding, const data::DataShape& shape);

/// The network of both sections, after resolve(); without an embedding the model's own.
std::shared_ptr<Network> build_network(const Spec& model, const EmbeddingSpec& embedding);

/// Where a LinearEmbedding stands before the network, it begins with the regression.
void begin_with(const data::Regression& regression, Network& network);

}  // namespace fluxsbi::model
