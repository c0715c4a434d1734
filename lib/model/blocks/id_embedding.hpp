// Embeddings of token ids that are added to, or stand beside, the values.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <torch/nn/module.h>

#include "model/blocks/device_constant.hpp"
#include "model/blocks/initialiser.hpp"

namespace fluxsbi::model {

/// How the tokens of a stream are told apart.
enum class IdStrategy {
  absolute,  ///< a learned vector for each id
  pos1d,     ///< a fixed sinusoidal table over the token's index
  rope1d,    ///< RoPE over (position, stream)
  pos2d,     ///< fixed tables over row and column, half the width each
  rope2d,    ///< RoPE over (stream, row, column)
  sequence,  ///< RoPE over positions that run on from obs to cond (one axis) or over (position, stream): what
             ///< a section of the older generation means, which names no strategy
};

/// What a configuration calls them. `sequence` has no name there.
inline std::span<const std::string_view> enum_names(IdStrategy) {
  static constexpr std::string_view names[] = {"absolute", "pos1d", "rope1d", "pos2d", "rope2d"};
  return names;
}

/// True where the strategy rotates q and k instead of changing the tokens.
inline bool is_rotary(IdStrategy strategy) {
  return strategy == IdStrategy::sequence || strategy == IdStrategy::rope1d || strategy == IdStrategy::rope2d;
}

/// The vector of each token for absolute, pos1d and pos2d. Parameter (absolute only): embedding [tokens,
/// width].
class IdEmbedding : public torch::nn::Module {
 public:
  /// `grid` is [rows, columns] for pos2d, otherwise not looked at.
  IdEmbedding(IdStrategy strategy, int64_t tokens, int64_t width, const std::vector<int64_t>& grid);

  /// [tokens, B or 1, width] float32. ids [B or 1, tokens, 1] pick rows of the learned table; undefined: rows
  /// 0 .. tokens-1. The fixed tables go by the token's index whatever the ids are.
  torch::Tensor forward(const torch::Tensor& ids, at::Device device) const;
  void initialise(Initialiser& initialiser) const;

  IdStrategy strategy() const { return strategy_; }
  int64_t tokens() const { return tokens_; }
  int64_t width() const { return width_; }
  const std::vector<int64_t>& grid() const { return grid_; }

 private:
  IdStrategy strategy_;
  int64_t tokens_, width_;
  std::vector<int64_t> grid_;
  torch::Tensor embedding_;
  DeviceConstant table_;
};

}  // namespace fluxsbi::model
