// The fused float32 CPU kernels behind the operations of this folder: raw pointers and strides, no tensors.
//
// They are compiled once for each instruction set (kernels_*.cpp), and kernels() picks the widest one that
// the processor has. Letters: T tokens, B samples, F features of a row, H heads, D features a head.
#pragma once

#include <cstdint>

namespace fluxsbi::model::ops {

/// Rows of a [T, B, ...] tensor whose last axis is contiguous: row (t, b) starts at data + t token + b
/// sample. A step of 0 repeats a row.
template <class Number>
struct Rows {
  Number* data = nullptr;
  int64_t token = 0, sample = 0;
};
using Input = Rows<const float>;
using Output = Rows<float>;

/// The score of a token that may not be attended to: finite, so that a token that may attend nowhere attends
/// to all alike.
inline constexpr float barred_score = -1e30F;

/// out = (1 + scale) (x - mean) / sqrt(variance + eps) + shift over rows of F numbers
struct NormForward {
  int64_t T, F;
  float eps;
  Input x, shift, scale;
  Output out;
  Output statistics;  ///< (mean, 1 / sqrt(variance + eps)) of each row; may be null
};
struct NormBackward {
  int64_t T, F;
  Input x, scale, statistics, out_gradient;
  Output x_gradient, shift_gradient, scale_gradient;
};

/// out = x + gate y
struct GateForward {
  int64_t T, F;
  Input x, gate, y;
  Output out;
};
struct GateBackward {
  int64_t T, F;
  Input gate, y, out_gradient;
  Output gate_gradient, y_gradient;  ///< the gradient of x is that of out
};

/// out = gelu(x), the tanh form: x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
struct GeluForward {
  int64_t T, F;
  Input x;
  Output out;
};
struct GeluBackward {
  int64_t T, F;
  Input x, out_gradient;
  Output x_gradient;
};

/// One stream of a joint attention.
struct AttentionStream {
  int64_t tokens = 0;
  Input packed;                                              ///< [q | k | v], each [H, D]
  const float *query_scale = nullptr, *key_scale = nullptr;  ///< [D] each; null: q and k are not normed
  Output out;                                                ///< forward: [H, D]
  Input out_gradient;                                        ///< backward
  Output packed_gradient;                                    ///< backward
};
/// softmax(q k^T / sqrt(D)) v over the tokens of all streams, q and k normed and rotated where that is told.
struct Attention {
  static constexpr int most_streams = 2;
  int64_t B, H, D;
  float eps;
  int64_t tokens;  ///< T, of all streams together
  int64_t streams;
  AttentionStream stream[most_streams];
  Input rotation;  ///< (cos, sin) of each pair of each token, [D / 2, 2]; null: no rotation
  Input edges;     ///< [T] of each token: 1 where it may attend to a token, 0 where not; null: all to all
  /// backward: [groups, streams, 2, D] sums over one group of samples for (query_scale, key_scale); null
  /// without them
  float* scale_gradient;
};

struct Kernels {
  const char* name;
  /// Samples that attention treats side by side, one in each lane of a vector: a group.
  int64_t group;
  /// Floats of scratch memory that one call of attention needs.
  int64_t (*attention_scratch)(const Attention&, bool backward);

  void (*exp)(const float* x, float* out, int64_t n);
  // The sample range [begin, end); attention: groups.
  void (*norm)(const NormForward&, int64_t begin, int64_t end);
  void (*norm_backward)(const NormBackward&, int64_t begin, int64_t end);
  void (*gate)(const GateForward&, int64_t begin, int64_t end);
  void (*gate_backward)(const GateBackward&, int64_t begin, int64_t end);
  void (*gelu)(const GeluForward&, int64_t begin, int64_t end);
  void (*gelu_backward)(const GeluBackward&, int64_t begin, int64_t end);
  void (*attention)(const Attention&, int64_t begin, int64_t end, float* scratch);
  void (*attention_backward)(const Attention&, int64_t begin, int64_t end, float* scratch);
};

/// The widest kernels that this processor has, or narrower ones where the environment variable
/// FLUXSBI_KERNELS names them (portable, avx2, avx512).
const Kernels& kernels();

// One table an instruction set; those for x86 are only built there and only used where the processor has
// them.
extern const Kernels portable_kernels, avx2_kernels, avx512_kernels;

}  // namespace fluxsbi::model::ops
