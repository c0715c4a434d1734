// Which tokens of a joint row are given and which are learnt. The mask is drawn anew for each row of a batch.
//
// A row takes one of five masks (true = conditioned on, O theta tokens, then M x tokens):
//   joint        nothing is given
//   posterior    x is given
//   likelihood   theta is given
//   random_low   every token is given with probability random_low_rate
//   random_high  every token is given with probability random_high_rate
// with probabilities in proportion to their weights (`structured`), or always the one that `kind` names. A
// mask that would give everything gives nothing instead. The mixture follows that of Simformer (Gloeckler et
// al. 2024, arXiv 2404.09636), whose random masks serve any conditional.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "config/reader.hpp"

namespace fluxsbi::method {

/// The mask of every row; structured: the mixture.
enum class MaskKind { structured, posterior, likelihood, joint };
std::span<const std::string_view> enum_names(MaskKind);

/// The `condition_mask` section.
struct ConditionMaskOptions {
  MaskKind kind = MaskKind::structured;
  double joint = 0.2;  ///< weights of the masks, >= 0; not all 0
  double posterior = 0.2;
  double likelihood = 0.2;
  double random_low = 0.2;
  double random_high = 0.2;
  double random_low_rate = 0.3;   ///< in (0, 1)
  double random_high_rate = 0.7;  ///< in (0, 1)
};
const config::Table<ConditionMaskOptions>& condition_mask_table();

/// Reports weights that are all 0. The section must have been read.
void check(const ConditionMaskOptions& options, config::Reader& reader);

class ConditionMask {
 public:
  /// For theta_dim >= 1 theta tokens and x_dim >= 0 x tokens. Without x a structured mixture is the joint
  /// mask alone. Throws UserError for a kind that leaves nothing to infer (likelihood without x).
  ConditionMask(const ConditionMaskOptions& options, int64_t theta_dim, int64_t x_dim, at::Device device);

  /// How many uniform numbers a row takes: theta_dim + x_dim + 1.
  int64_t numbers() const { return rates_.size(1) + 1; }

  /// uniform [B, numbers()] in (0, 1) on the device -> [B, theta_dim + x_dim, 1] bool. Reads nothing back
  /// from the device.
  at::Tensor draw(const at::Tensor& uniform) const;

  /// True if draw() can give this mask [theta_dim + x_dim] of 1 (given) and 0 (inferred), whatever it says of
  /// tokens with 2 (without a value): whether a model trained with it knows the question.
  bool covers(std::span<const uint8_t> mask) const;

 private:
  at::Tensor bounds_;  ///< [masks - 1], upper bounds in (0, 1) of the choosing number
  at::Tensor rates_;   ///< [masks, theta_dim + x_dim], probability that a token is given
};

}  // namespace fluxsbi::method
