// Own kernels for what stands between matrix products, as plain C++ functions: the formulas are those of
// model/ops and train/optimiser.hpp. Numbers are stored as float32 or bfloat16; all arithmetic is float32,
// and sums have one order, so that the same input gives the same bits.
//
// Tensors are contiguous unless a stride is named. T tokens, B samples, F features, H heads of D features
// each, F = H D. A function starts its kernels on a stream and does not wait. It throws std::runtime_error
// where a kernel cannot be started. Nothing here includes LibTorch or CUDA headers.
#pragma once

#include <cstdint>

namespace fluxsbi::engine::cuda::kernels {

enum class Storage { float32, bfloat16 };

/// A cudaStream_t.
using Stream = void*;

/// y = (1 + scale) LayerNorm(x) + shift, over rows of F. There are kernels for x, modulation and y all of one
/// type, and for x bfloat16 and the others float32.
struct ModulatedNorm {
  int64_t T = 0, B = 0, F = 0;
  float eps = 0;
  Storage x_type = Storage::float32, modulation_type = Storage::float32, y_type = Storage::float32;
  const void* x = nullptr;                        ///< [T, B, F]
  const void *shift = nullptr, *scale = nullptr;  ///< [B, F] or [F]
  int64_t shift_stride = 0, scale_stride = 0;     ///< elements from sample to sample; 0: one row serves all
  void* y = nullptr;                              ///< [T, B, F]
};
void modulated_norm(const ModulatedNorm& call, Stream stream);

/// Gradients of what ModulatedNorm reads; y is not used.
struct ModulatedNormGradient {
  ModulatedNorm of;
  const void* dy = nullptr;  ///< [T, B, F], y_type
  void* dx = nullptr;        ///< [T, B, F], x_type
  void *dshift = nullptr,
       *dscale = nullptr;  ///< [B, F], modulation_type: each sample's own, summed over tokens
};
void modulated_norm_gradient(const ModulatedNormGradient& call, Stream stream);

/// out = x + gate y, gate [B, F] or [F].
struct GatedResidual {
  int64_t T = 0, B = 0, F = 0;
  Storage type = Storage::float32;
  const void *x = nullptr, *gate = nullptr, *y = nullptr;
  int64_t gate_stride = 0;
  void* out = nullptr;
};
void gated_residual(const GatedResidual& call, Stream stream);

/// dy = gate dout; dgate = sum over tokens of y dout. That of x is dout itself; x and out are not used.
struct GatedResidualGradient {
  GatedResidual of;
  const void* dout = nullptr;
  void* dy = nullptr;     ///< [T, B, F]
  void* dgate = nullptr;  ///< [B, F]
};
void gated_residual_gradient(const GatedResidualGradient& call, Stream stream);

/// y = gelu(x), the tanh form.
struct Gelu {
  int64_t n = 0;
  Storage type = Storage::float32;
  const void* x = nullptr;
  void* y = nullptr;
};
void gelu(const Gelu& call, Stream stream);

struct GeluGradient {
  int64_t n = 0;
  Storage type = Storage::float32;
  const void *x = nullptr, *dy = nullptr;
  void* dx = nullptr;
};
void gelu_gradient(const GeluGradient& call, Stream stream);

/// One stream of tokens of an attention. m is what stands beside q, k and v in a row: [q | k | v | mlp].
struct AttentionStream {
  int64_t T = 0;
  const void* packed = nullptr;                             ///< [T, B, 3F + m]
  const void *query_scale = nullptr, *key_scale = nullptr;  ///< [D]; null: no norm
  void* out = nullptr;                                      ///< [T, B, F + m]
};

/// QKNorm, rotation, softmax(q k^T / sqrt(D)) v over the tokens of one or two streams, and gelu of the rest.
struct Attention {
  int64_t B = 0, H = 0, D = 0, m = 0;
  float eps = 0;
  Storage type = Storage::float32;
  AttentionStream first, second;  ///< second.T is 0 where there is one stream
  const float* rope = nullptr;    ///< pairs (cos, sin); pair j of token t and sample b at the strides' places
  int64_t rope_token = 0, rope_sample = 0;    ///< in pairs; 0: all samples alike
  const float* edges = nullptr;               ///< [T, B or 1, T]; null: all to all
  int64_t edges_token = 0, edges_sample = 0;  ///< in elements

  int64_t tokens() const { return first.T + second.T; }
};

/// How the heads of a sample are divided among blocks.
struct AttentionPlan {
  int64_t heads = 0;         ///< of a block; 0: the tokens do not fit
  int64_t groups = 0;        ///< blocks of a sample
  int64_t shared_bytes = 0;  ///< of a block
};
AttentionPlan plan_attention(const Attention& call);
AttentionPlan plan_attention_gradient(const Attention& call);

void attention(const Attention& call, Stream stream);

struct AttentionStreamGradient {
  const void* dout = nullptr;  ///< [T, B, F + m]
  void* dpacked = nullptr;     ///< [T, B, 3F + m]
};
/// The `out` of the streams is not used.
struct AttentionGradient {
  Attention of;
  AttentionStreamGradient first, second;
  /// [B groups, 2 streams, 2 (q, k), D] float32: each block's part of the scales' gradients; null where there
  /// is no norm.
  float* dscales = nullptr;
};
void attention_gradient(const AttentionGradient& call, Stream stream);

enum class Clip { none, adaptive, global };

/// One step of AdamW with clipping before and the average of the weights after it (train/optimiser.hpp).
struct Update {
  int64_t units = 0;
  const int64_t* table = nullptr;  ///< [units, 3]: offset, length, 1 where weight decay applies
  float *master = nullptr, *moment1 = nullptr, *moment2 = nullptr, *average = nullptr;
  const float* gradient = nullptr;
  void* working = nullptr;   ///< bfloat16 copy of master; null: there is none
  float* squares = nullptr;  ///< [units]: |g_u|^2, written
  float* norm = nullptr;     ///< scalar: |g| before clipping, written
  const float* scalars =
      nullptr;  ///< [4]: lr, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), 1 - decay of average
  float beta1 = 0, beta2 = 0, eps = 0, weight_decay = 0;
  Clip clip = Clip::none;
  float clip_value = 0;
  float least_weight_norm = 0, least_gradient_norm = 0;  ///< of adaptive clipping
};
void update(const Update& call, Stream stream);

}  // namespace fluxsbi::engine::cuda::kernels
