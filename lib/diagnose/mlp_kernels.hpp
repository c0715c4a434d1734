// The inner loops of the classifier, in float32, compiled once for any processor and once for AVX2.
// This header is seen by the file that is compiled for AVX2: nothing inline may stand here, or the linker
// could pick the AVX2 copy for a processor without it.
#pragma once

#include <cstddef>

namespace fluxsbi::diagnose {

/// Columns come in groups of this many floats; every matrix that a kernel writes has a width that is a
/// multiple.
constexpr size_t lane_count = 8;

/// C[m, n] = bias[n] + sum_k A[m, k] B[k, n], then max(0, C) if `relu` is set.
struct MatrixProduct {
  size_t m, n, k;  ///< n is a multiple of lane_count
  const float* a;  ///< A[m, k] = a[m * a_row + k * a_column]; a transposed matrix swaps the two
  size_t a_row, a_column;
  const float* b;     ///< [k, n], rows of n floats
  const float* bias;  ///< [n], or null for 0
  float* c;           ///< [m, n], rows of n floats
  bool relu;
};

/// One Adam step (Kingma & Ba 2014, section 2) on `count` parameters p with moments m and v:
/// g = (gradient + decay p) scale, m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p -= rate m / (sqrt v +
/// eps).
struct AdamStep {
  size_t count;
  float *parameter, *first, *second;
  const float* gradient;
  float decay, scale;
  float rate;  ///< with both bias corrections in it
};

struct MlpKernels {
  const char* name;  ///< "AVX2" or "portable"
  void (*multiply)(const MatrixProduct&);
  /// delta = 0 where activation is 0: the derivative of ReLU.
  void (*mask)(size_t count, const float* activation, float* delta);
  void (*adam)(const AdamStep&);
  float (*sum_of_squares)(size_t count, const float* values);  ///< count is a multiple of lane_count
};

/// The fastest kernels that this processor runs.
const MlpKernels& mlp_kernels();
/// Those for any processor.
const MlpKernels& portable_mlp_kernels();

}  // namespace fluxsbi::diagnose
