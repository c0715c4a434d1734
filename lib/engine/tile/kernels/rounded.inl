// Products of factors that are rounded to bfloat16, for processors that have no instruction for them: the
// factors are rounded into scratch memory, and the exact kernels multiply them. Part of table.inl.
#pragma once

#include "engine/tile/kernels/bfloat16.hpp"
#include "engine/tile/kernels/weight_gradient.inl"

namespace fluxsbi::engine::tile {

namespace {

// The block with its numbers rounded, in scratch memory; `scratch` moves on.
inline In rounded(const In& block, float*& scratch) {
  const int64_t tokens = block.token ? block.T : 1;
  const In copy = {scratch, block.T, block.F, block.token ? block.F * lanes : 0};
  for (int64_t t = 0; t < tokens; ++t) {
    const float* from = block.at(t, 0);
    for (int64_t i = 0; i < block.F * lanes; ++i) *scratch++ = to_bfloat16(from[i]);
  }
  return copy;
}

inline void rounded_product_kernel(const Product& job) {
  float* scratch = job.scratch;
  const In x = rounded(job.x, scratch);
  product_kernel({x, job.weights, job.bias, job.out, nullptr});
}

inline void rounded_weight_gradient_kernel(const WeightGradient& job) {
  float* scratch = job.scratch;
  const In rows = rounded(job.rows, scratch), columns = rounded(job.columns, scratch);
  weight_gradient_kernel({rows, columns, job.gradient, job.adds, scratch});
}

}  // namespace

}  // namespace fluxsbi::engine::tile
