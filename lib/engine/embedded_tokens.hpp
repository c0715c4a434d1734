// The embedding network of a training batch, by its modules, before an engine that covers the main network
// alone.
#pragma once

#include <vector>

#include "engine/flat_parameters.hpp"

namespace fluxsbi::engine {

class EmbeddedTokens {
 public:
  /// Embeds x [B or 1, ...], its rows divided among the threads; keeps what a backward pass needs.
  EmbeddedTokens(const FlatParameters& parameters, const at::Tensor& x);

  /// The cond tokens [B or 1, M, K], detached from the graph.
  const at::Tensor& tokens() const { return tokens_; }

  /// Adds d loss / d parameters of the embedding network to the flat gradient, given d loss / d tokens [B, M,
  /// K].
  void backward(const at::Tensor& gradient, FlatParameters& parameters) const;

 private:
  std::vector<at::Tensor> parts_;  // of rows, with their graphs
  at::Tensor tokens_;
};

}  // namespace fluxsbi::engine
