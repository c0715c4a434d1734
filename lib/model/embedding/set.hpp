// Sets of exchangeable draws: a network whose result depends on neither order nor padding.
#pragma once

#include <memory>

#include "model/embedding/embedding.hpp"
#include "model/embedding/mlp.hpp"
#include "model/embedding/pooling.hpp"

namespace fluxsbi::model {

struct SetShape {
  int64_t channels = 1;  ///< of an element
  int64_t hidden = 128;
  int64_t layers = 2;  ///< of phi and of rho
  Pool pool = Pool::mean;
  int64_t heads = 4;  ///< of attention pooling
  int64_t tokens = 1, features = 64;
};

/// Deep sets (Zaheer et al. 2017, arXiv 1703.06114): rho([pool of phi(x_i) over the elements, log n]). The
/// number n of elements is given to rho because a mean forgets it, and a posterior's width depends on it.
/// With attention pooling each of T learned queries makes its own token.
///
/// An element whose channels are NaN is absent. Elements are sorted before anything is computed, absent ones
/// last, so a set gives the same bits in any order and with any padding.
class SetEmbedding : public Embedding {
 public:
  explicit SetEmbedding(const SetShape& shape);

  /// x [B, S, K], at least one element a row -> [B, T, F]
  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override;

 private:
  /// [B, 1 or T, hidden] of phi's output h [B, S, hidden]; present [B, S], count [B, 1, 1]
  torch::Tensor pool(const torch::Tensor& h, const torch::Tensor& present, const torch::Tensor& count) const;

  SetShape shape_;
  std::shared_ptr<Mlp> phi_, rho_;
  std::shared_ptr<AttentionPooling> attention_;
};

}  // namespace fluxsbi::model
