#include "sample/joint_condition.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

// The condition of these items [n] (undefined: all of the chunk, in order); one row serves every item.
at::Tensor condition_of_items(const at::Tensor& condition, const at::Tensor& items) {
  return items.defined() && condition.size(0) > 1 ? condition.index_select(0, items) : condition;
}

}  // namespace

JointCondition::JointCondition(std::span<const double> given, int64_t rows, int64_t tokens, int64_t channels,
                               const data::Standardiser& standardiser, at::Device device,
                               std::span<const uint8_t> missing)
    : rows_(rows), tokens_(tokens) {
  core::require(std::ssize(given) == rows * tokens * channels, "given must be [rows, tokens, channels]");
  std::vector<float> clean = standardiser.apply(given);  // NaN stays NaN
  for (int64_t token = 0; token < rows * tokens; ++token) {
    const bool lacks = !missing.empty() && missing[static_cast<size_t>(token)] != 0;
    float* values = clean.data() + token * channels;
    const auto blanks = std::count_if(values, values + channels, [](float v) { return std::isnan(v); });
    core::require(lacks || blanks == 0 || blanks == channels, "a token is given or inferred in all channels");
    host_mask_.push_back(lacks ? 2 : blanks == 0);
    any_missing_ = any_missing_ || lacks;
    if (lacks || blanks > 0) std::fill_n(values, channels, 0.0F);
  }
  clean_ = at::from_blob(clean.data(), {rows, tokens, channels}, at::kFloat).clone().to(device);
  mask_ = at::from_blob(host_mask_.data(), {rows, tokens, 1}, at::kByte).clone().to(device);
}

Bound JointCondition::bind(engine::Engine& engine, std::span<const int64_t> rows) const {
  const at::Tensor index = at::tensor(at::ArrayRef<int64_t>(rows.data(), rows.size()), at::kLong)
                               .to(clean_.device(), at::kLong, /*non_blocking=*/true);
  const GivenMask first = mask_of(rows.front());
  const auto all = [&](auto like_first) { return std::all_of(rows.begin(), rows.end(), like_first); };
  // One row of conditions serves all items where they ask for the same.
  const bool same_row = all([&](int64_t row) { return row == rows.front(); });
  const bool same_mask = same_row || all([&](int64_t row) { return mask_of(row) == first; });
  const at::Tensor clean =
      clean_.index_select(0, same_row ? index.narrow(0, 0, 1) : index);  // [1 or n, L, C]
  const at::Tensor states =
      mask_.index_select(0, same_mask ? index.narrow(0, 0, 1) : index);  // [1 or n, L, 1]
  const at::Tensor mask = states.eq(1), missing = any_missing_ ? states.eq(2) : at::Tensor();
  const at::Tensor fixed = any_missing_ ? states.ne(0) : mask;
  Bound bound = bound_of(engine, [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor& items) {
    model::Inputs inputs;
    inputs.t = t;
    inputs.condition_mask = condition_of_items(mask, items);
    if (missing.defined()) inputs.missing = condition_of_items(missing, items);
    inputs.obs = at::where(condition_of_items(fixed, items), condition_of_items(clean, items), x);
    return inputs;
  });
  bound.given = fixed;
  if (!clean.is_cpu()) {
    bound.reads = {clean, mask};
    if (missing.defined()) bound.reads.insert(bound.reads.end(), {missing, fixed});
  }
  return bound;
}

GivenMask JointCondition::mask_of(int64_t row) const {
  const auto first = host_mask_.begin() + row * tokens_;
  return {first, first + tokens_};
}

std::set<GivenMask> JointCondition::masks() const {
  std::set<GivenMask> found;
  for (int64_t row = 0; row < rows_; ++row) found.insert(mask_of(row));
  return found;
}

}  // namespace fluxsbi::sample
