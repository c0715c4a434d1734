// From many tokens to few: pooling, and the last layer of networks that keep the positions of their input.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "model/blocks/linear.hpp"
#include "model/embedding/embedding.hpp"

namespace fluxsbi::model {

enum class Pool {
  flatten,    ///< all positions side by side: preserves positions, for inputs of one size
  mean,       ///< over the positions
  sum,        ///< over the positions
  attention,  ///< learned queries attend to the positions (Lee et al. 2019, arXiv 1810.00825)
};

inline std::span<const std::string_view> enum_names(Pool) {
  static constexpr std::string_view names[] = {"flatten", "mean", "sum", "attention"};
  return names;
}

/// Attention of Q learned queries to tokens: softmax(q k^T / sqrt(D)) v, heads side by side, then a Linear.
/// Parameters: query [Q, W]; key (no bias), value and out Linear [W, W].
class AttentionPooling : public torch::nn::Module {
 public:
  /// `heads` divides `width`.
  AttentionPooling(int64_t width, int64_t heads, int64_t queries);

  /// x [B, N, W] float32; present [B, N] bool, at least one true a row, or undefined for all
  /// -> [B, Q, W] float32
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& present) const;
  void initialise(Initialiser& initialiser) const;

 private:
  int64_t heads_;
  torch::Tensor query_;
  std::shared_ptr<Linear> key_, value_, out_;
};

/// Makes tokens from positions x [B, N, W]: by a Linear on each of them, or by pooling and then a Linear.
class Readout : public torch::nn::Module {
 public:
  /// A token for each position.
  Readout(int64_t width, int64_t features);
  /// One token.
  Readout(int64_t positions, int64_t width, Pool pool, int64_t heads, int64_t features);

  /// x [B, N, W] float32; present [B, N] bool, at least one true a row, or undefined for all: what mean, sum
  /// and attention pool -> [B, N or 1, features] float32
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& present = {}) const;
  /// True if `present` has an effect.
  bool pools() const { return !each_ && pool_ != Pool::flatten; }
  void initialise(Initialiser& initialiser) const;

 private:
  bool each_ = false;
  Pool pool_ = Pool::mean;
  std::shared_ptr<AttentionPooling> attention_;
  std::shared_ptr<Linear> out_;
};

}  // namespace fluxsbi::model
