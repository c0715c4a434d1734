// What the kernels compute, in double and as plainly as can be. Layouts are those of kernels.hpp; gradients
// are central differences of these functions, so that no formula of a kernel is written twice.
#pragma once

#include <functional>

#include "cuda_kernels/check.hpp"

namespace fluxsbi::test::reference {

/// d (sum of cotangent * f(x)) / dx by central differences.
Numbers gradient(const std::function<Numbers(const Numbers&)>& f, const Numbers& x, const Numbers& cotangent);

struct Rows {
  size_t T = 0, B = 0, F = 0;
};
/// shift and scale [B, F] or [F].
Numbers modulated_norm(const Rows& rows, const Numbers& x, const Numbers& shift, const Numbers& scale);
/// gate [B, F] or [F].
Numbers gated_residual(const Rows& rows, const Numbers& x, const Numbers& gate, const Numbers& y);
Numbers gelu(const Numbers& x);

struct AttentionShape {
  size_t T0 = 0, T1 = 0, B = 0, H = 0, D = 0, m = 0;
  bool normed = false, rotated = false, rope_per_sample = false;
  enum Edges { all, shared, per_sample } edges = all;

  size_t T() const { return T0 + T1; }
  size_t F() const { return H * D; }
  size_t row() const { return 3 * F() + m; }
};
struct AttentionInputs {
  Numbers packed;  ///< [T, B, 3F + m]: the first stream's rows, then the second's
  Numbers scales;  ///< [2 streams, 2 (q, k), D], or empty
  Numbers rope;    ///< [T, B or 1, D/2] angles, or empty
  Numbers edges;   ///< [T, B or 1, T], or empty
};
/// [T, B, F + m]
Numbers attention(const AttentionShape& shape, const AttentionInputs& inputs);

struct Unit {
  size_t offset = 0, length = 0;
  bool decays = false;
};
struct UpdateState {
  Numbers master, moment1, moment2, average;
};
struct UpdateSettings {
  double rate = 0, beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0, average_gain = 0, clip_value = 0;
  bool adaptive = false, global = false;
  int step = 1;
};
/// Returns the norm of the gradient.
double update(const UpdateSettings& settings, const std::vector<Unit>& units, const Numbers& gradient,
              UpdateState& state);

}  // namespace fluxsbi::test::reference
