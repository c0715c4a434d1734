// A linear map of all values: for long vectors of which linear functions tell most.
#pragma once

#include <memory>

#include "data/regression.hpp"
#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"

namespace fluxsbi::model {

/// All M K values of x: Linear, the output cut into T tokens.
class LinearEmbedding : public Embedding {
 public:
  /// `learned` false: what it begins with stays.
  LinearEmbedding(int64_t values, int64_t tokens, int64_t features, bool learned = true);

  torch::Tensor forward(const torch::Tensor& x) const override;
  void initialise(Initialiser& initialiser) const override { map_->initialise(initialiser); }
  /// The first number of token k begins as what the regression tells of feature k of theta, scaled to
  /// variance 1: a summary statistic (Fearnhead and Prangle 2012). That of a feature that it does not
  /// explain, and where there are more tokens, stays as it is. The regression is of as many values of x.
  void begin_with(const data::Regression& regression);
  bool is_fixed() const override { return begun_ && !learned_; }

 private:
  int64_t tokens_, features_;
  bool learned_, begun_ = false;
  std::shared_ptr<Linear> map_;
};

}  // namespace fluxsbi::model
