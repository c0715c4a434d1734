// The kernels' one source, included by a file for each instruction set. Everything is local to that file and
// no standard header with inline functions is included (mlp_kernels.hpp says why).
#pragma once

#include "diagnose/mlp_kernels.hpp"

namespace fluxsbi::diagnose {
namespace {

typedef float Lanes
    __attribute__((vector_size(lane_count * sizeof(float)), aligned(sizeof(float)), may_alias));

// Rows of C whose sums stay in registers together: 12 sums of 16 registers with AVX2, where a Lanes is one
// register; half the rows elsewhere, where it is two.
#ifdef __AVX2__
constexpr size_t tile_rows = 4;
#else
constexpr size_t tile_rows = 2;
#endif
constexpr size_t tile_lanes = 3;

template <size_t rows, size_t lanes>
inline void multiply_tile(const MatrixProduct& p, size_t row, size_t column) {
  Lanes sum[rows][lanes];
  for (size_t r = 0; r < rows; ++r)
    for (size_t l = 0; l < lanes; ++l)
      sum[r][l] = p.bias ? *reinterpret_cast<const Lanes*>(p.bias + column + l * lane_count) : Lanes{};
  const float* a = p.a + row * p.a_row;
  const float* b = p.b + column;
  for (size_t k = 0; k < p.k; ++k, a += p.a_column, b += p.n) {
    for (size_t r = 0; r < rows; ++r) {
      const float factor = a[r * p.a_row];
      for (size_t l = 0; l < lanes; ++l)
        sum[r][l] += factor * *reinterpret_cast<const Lanes*>(b + l * lane_count);
    }
  }
  for (size_t r = 0; r < rows; ++r) {
    for (size_t l = 0; l < lanes; ++l) {
      const Lanes value = p.relu ? (sum[r][l] > Lanes{} ? sum[r][l] : Lanes{}) : sum[r][l];
      *reinterpret_cast<Lanes*>(p.c + (row + r) * p.n + column + l * lane_count) = value;
    }
  }
}

template <size_t lanes>
inline void multiply_columns(const MatrixProduct& p, size_t column) {
  size_t row = 0;
  for (; row + tile_rows <= p.m; row += tile_rows) multiply_tile<tile_rows, lanes>(p, row, column);
  for (; row < p.m; ++row) multiply_tile<1, lanes>(p, row, column);
}

void multiply(const MatrixProduct& p) {
  size_t column = 0;
  for (; column + tile_lanes * lane_count <= p.n; column += tile_lanes * lane_count)
    multiply_columns<tile_lanes>(p, column);
  if (column + 2 * lane_count <= p.n) {
    multiply_columns<2>(p, column);
    column += 2 * lane_count;
  }
  if (column < p.n) multiply_columns<1>(p, column);
}

void mask(size_t count, const float* __restrict activation, float* __restrict delta) {
  for (size_t i = 0; i < count; ++i) delta[i] = activation[i] > 0 ? delta[i] : 0.0f;
}

void adam(const AdamStep& step) {
  // 1 - beta2 in float32 would be off by 1e-5 of itself
  constexpr float beta1 = 0.9f, rest1 = 0.1f, beta2 = 0.999f, rest2 = 0.001f, epsilon = 1e-8f;
  float* __restrict p = step.parameter;
  float* __restrict m = step.first;
  float* __restrict v = step.second;
  const float* __restrict gradient = step.gradient;
  const float decay = step.decay, scale = step.scale, rate = step.rate;
  for (size_t i = 0; i < step.count; ++i) {
    const float g = (gradient[i] + decay * p[i]) * scale;
    m[i] = beta1 * m[i] + rest1 * g;
    v[i] = beta2 * v[i] + rest2 * (g * g);
    p[i] -= rate * m[i] / (__builtin_sqrtf(v[i]) + epsilon);
  }
}

float sum_of_squares(size_t count, const float* values) {
  Lanes sum{};
  for (size_t i = 0; i < count; i += lane_count) {
    const Lanes value = *reinterpret_cast<const Lanes*>(values + i);
    sum += value * value;
  }
  float total = 0;
  for (size_t l = 0; l < lane_count; ++l) total += sum[l];
  return total;
}

}  // namespace
}  // namespace fluxsbi::diagnose
