// Missing values of x in training: those that the data lack, and further ones that each step hides, so that
// the model learns to answer without any of them. NaN marks a value that is missing.
#pragma once

#include <cstdint>
#include <vector>

#include "method/method.hpp"

namespace fluxsbi::method {

class HiddenValues {
 public:
  /// rate in [0, 1): the probability that a value of x (joint models: a token) is hidden. Values are hidden
  /// together: a share sqrt(rate) of the rows (data::hidden_share) hides each value with probability
  /// sqrt(rate), and the others are shown as they are, so that rows which lack nothing stay usual however
  /// many values x has. Joint rows have theta_dim theta tokens, then x_dim x tokens; the x of
  /// conditional ones is [x_dim, x_channels].
  HiddenValues(double rate, bool joint, int64_t theta_dim, int64_t x_dim, int64_t x_channels);

  /// The shape of a row's uniform numbers: one for the row and one for each of its values (of joint rows:
  /// tokens); empty if none are taken.
  std::vector<int64_t> numbers() const;

  /// Hides values of a batch by uniform [B, numbers()] (undefined if none are taken).
  /// Conditional rows: they become NaN in batch.cond. Joint rows: tokens that are hidden, or NaN in any
  /// channel, get the value 0 and are true in batch.missing [B, L, 1]; their number is unknown, so they are
  /// neither given nor learnt.
  void apply(Batch& batch, const at::Tensor& uniform) const;

 private:
  int64_t values() const;
  /// [B, values()]: true where a value is hidden.
  at::Tensor hidden(const at::Tensor& uniform) const;

  double share_;  // data::hidden_share
  bool joint_;
  int64_t theta_dim_, x_dim_, x_channels_;
};

}  // namespace fluxsbi::method
