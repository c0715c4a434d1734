#include "model/blocks/time_embedding.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/sin.h>

#include "core/error.hpp"

namespace fluxsbi::model {

namespace {

// 10000^(-k / half), k = 0 .. half-1, float64.
at::Tensor frequencies(int64_t half) {
  return at::exp(at::arange(half, at::kDouble) * (-std::log(10000.0) / static_cast<double>(half)));
}

// The same as GenSBI computes them, in float32 throughout: beside angles of up to 1000 the rounding of a
// frequency is seen in d embedding / d t.
at::Tensor float_frequencies(int64_t half) {
  return at::exp(at::arange(half, at::kFloat) * -std::log(10000.0) / static_cast<double>(half));
}

}  // namespace

TimeEmbedding::TimeEmbedding(int64_t width) : frequencies_(float_frequencies(width / 2)) {
  core::require(width % 2 == 0, "the width of a time embedding is even");
}

at::Tensor TimeEmbedding::operator()(const at::Tensor& t) const {
  // 1000 t before the product, as the definition has it: the rounding of t * (1000 f) differs visibly.
  const at::Tensor angle = at::outer(t.to(at::kFloat) * time_factor, frequencies_.on(t.device()));
  return at::cat({at::cos(angle), at::sin(angle)}, -1);
}

at::Tensor position_table(int64_t count, int64_t width) {
  core::require(width % 2 == 0, "the width of a position table is even");
  const at::Tensor angle = at::outer(at::arange(count, at::kDouble), frequencies(width / 2));
  return at::cat({at::sin(angle), at::cos(angle)}, -1).to(at::kFloat);
}

at::Tensor grid_position_table(int64_t rows, int64_t columns, int64_t width) {
  core::require(width % 4 == 0, "the width of a grid's position table is a multiple of 4");
  const int64_t half = width / 2;
  const at::Tensor row = position_table(rows, half).unsqueeze(1).expand({rows, columns, half});
  const at::Tensor column = position_table(columns, half).unsqueeze(0).expand({rows, columns, half});
  return at::cat({row, column}, -1).reshape({rows * columns, width});
}

}  // namespace fluxsbi::model
