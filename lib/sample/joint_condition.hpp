// The condition of a joint model: which tokens of each row are given, and their values.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "data/standardise.hpp"
#include "sample/bound.hpp"

namespace fluxsbi::sample {

/// The mask [L] of one question: 1 where a token is given, 2 where it has no value and none is asked for.
using GivenMask = std::vector<uint8_t>;

class JointCondition {
 public:
  /// given [rows, L, C] in the data's units, NaN where a token is inferred, which then is so in all channels.
  /// `standardiser` is of a row's L C features. missing [rows, L] is 1 for tokens that have no value, as the
  /// model has learnt them (what `given` holds there has no effect); empty: there are none.
  JointCondition(std::span<const double> given, int64_t rows, int64_t tokens, int64_t channels,
                 const data::Standardiser& standardiser, at::Device device,
                 std::span<const uint8_t> missing = {});

  /// The network with the conditions of rows[i] bound to item i: in every call the given tokens of its input
  /// are replaced by their values, clean and whatever scale a method's input has, those without a value by 0.
  /// Both are `given` in the result: they do not move. The engine must outlive it.
  Bound bind(engine::Engine& engine, std::span<const int64_t> rows) const;

  /// The mask of a row, and the different masks that there are.
  GivenMask mask_of(int64_t row) const;
  std::set<GivenMask> masks() const;

 private:
  int64_t rows_, tokens_;
  std::vector<uint8_t> host_mask_;  ///< [rows, L]
  bool any_missing_ = false;
  at::Tensor clean_;  ///< [rows, L, C] standardised, 0 where inferred or missing
  at::Tensor mask_;   ///< [rows, L, 1] uint8, as host_mask_
};

}  // namespace fluxsbi::sample
