// Attention of few tokens with what stands around it: QKNorm, rotation, softmax(q k^T / sqrt(D)) v, and gelu
// of the MLP part of a row. A block takes some heads of one sample; queries, keys, values and scores of all
// its tokens lie in shared memory, so that each number passes through device memory once.
//
// Shared memory, in float32: vectors are [heads][T][pitch], pitch = D made odd so that neighbouring tokens
// lie in different banks; scores are [heads][T][T].
//   forward   q | k | v | scores
//   backward  q | k | v | dout | scores | dscores
#pragma once

#include "engine/cuda/kernels/device.cuh"
#include "engine/cuda/kernels/elementwise.cuh"

namespace fluxsbi::engine::cuda::kernels {

constexpr int attention_threads = 128;

/// The score of a token that may not be attended to: finite, so that a token that may attend nowhere attends
/// to all alike.
constexpr float barred_score = -1e30F;

FLUXSBI_HOST_DEVICE int64_t attention_pitch(int64_t D) {
  return D | 1;
}
FLUXSBI_HOST_DEVICE int64_t attention_words(int64_t T, int64_t D, int vectors, int scores) {
  return vectors * T * attention_pitch(D) + scores * T * T;  // of one head
}

/// A block's work: `heads` heads of one sample, beginning with first_head.
struct HeadGroup {
  int T, D, F, pitch, heads, first_head;
  int64_t sample, row_width, out_width;
  float score_scale;
};

FLUXSBI_DEVICE HeadGroup head_group(const Attention& call, int heads_of_block) {
  HeadGroup own;
  own.T = static_cast<int>(call.first.T + call.second.T);
  own.D = static_cast<int>(call.D);
  own.F = static_cast<int>(call.H * call.D);
  own.pitch = static_cast<int>(attention_pitch(call.D));
  own.first_head = static_cast<int>(blockIdx.y) * heads_of_block;
  const int left = static_cast<int>(call.H) - own.first_head;
  own.heads = left < heads_of_block ? left : heads_of_block;
  own.sample = blockIdx.x;
  own.row_width = 3 * own.F + call.m;
  own.out_width = own.F + call.m;
  own.score_scale = 1 / sqrtf(static_cast<float>(call.D));
  return own;
}

/// Where the row of token t begins: of the first stream's tensor or of the second's.
template <class T>
FLUXSBI_DEVICE T* token_row(const Attention& call, const HeadGroup& own, int t, T* first, T* second,
                            int64_t width) {
  const int before = static_cast<int>(call.first.T);
  T* base = t < before ? first : second;
  return base + ((t < before ? t : t - before) * call.B + own.sample) * width;
}
template <class T>
FLUXSBI_DEVICE const T* packed_row(const Attention& call, const HeadGroup& own, int t) {
  return token_row(call, own, t, static_cast<const T*>(call.first.packed),
                   static_cast<const T*>(call.second.packed), own.row_width);
}

/// The learned scale of q (part 0) or k (part 1) of token t's stream; null: no norm.
template <class T>
FLUXSBI_DEVICE const T* norm_scale(const Attention& call, int t, int part) {
  const void* first = part == 0 ? call.first.query_scale : call.first.key_scale;
  const void* second = part == 0 ? call.second.query_scale : call.second.key_scale;
  return static_cast<const T*>(t < call.first.T ? first : second);
}

FLUXSBI_DEVICE int64_t rope_pair(const Attention& call, const HeadGroup& own, int t, int pair) {
  return 2 * (t * call.rope_token + own.sample * call.rope_sample + pair);
}

FLUXSBI_DEVICE bool is_barred(const Attention& call, const HeadGroup& own, int query, int key) {
  if (!call.edges) return false;
  return load(call.edges, query * call.edges_token + own.sample * call.edges_sample + key) == 0;
}

/// 1 / sqrt(mean(x^2) + eps) of a head's vector as it is stored.
template <class T>
FLUXSBI_DEVICE float inverse_rms(const T* x, const HeadGroup& own, float eps) {
  float squares = 0;
  for (int d = 0; d < own.D; ++d) {
    const float value = load(x, d);
    squares += value * value;
  }
  return inverse_root(squares / static_cast<float>(own.D) + eps);
}

/// q, k and v of the block's heads into shared memory.
template <class T>
FLUXSBI_DEVICE void read_heads(const Attention& call, const HeadGroup& own, SharedFloats q, SharedFloats k,
                               SharedFloats v) {
  const int elements = own.T * own.heads * own.D;
  for (int i = threadIdx.x; i < elements; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    const T* row = packed_row<T>(call, own, t) + (own.first_head + h) * own.D + d;
    const int at = (h * own.T + t) * own.pitch + d;
    q[at] = load(row, 0);
    k[at] = load(row, own.F);
    v[at] = load(row, 2 * own.F);
  }
}

/// QKNorm and rotation of q and k in place: a thread a vector.
template <class T>
FLUXSBI_DEVICE void norm_and_rotate(const Attention& call, const HeadGroup& own, SharedFloats q,
                                    SharedFloats k) {
  const int vectors = own.heads * own.T;
  for (int i = threadIdx.x; i < 2 * vectors; i += attention_threads) {
    const int part = i / vectors, vector = i % vectors, t = vector % own.T;
    const SharedFloats x = (part == 0 ? q : k) + vector * own.pitch;
    if (const T* scale = norm_scale<T>(call, t, part)) {
      float squares = 0;
      for (int d = 0; d < own.D; ++d) squares += x[d] * x[d];
      const float r = inverse_root(squares / static_cast<float>(own.D) + call.eps);
      for (int d = 0; d < own.D; ++d) x[d] = x[d] * r * load(scale, d);
    }
    if (!call.rope) continue;
    for (int pair = 0; pair < own.D / 2; ++pair) {
      const int64_t at = rope_pair(call, own, t, pair);
      const float cosine = load(call.rope, at), sine = load(call.rope, at + 1);
      const float a = x[2 * pair], b = x[2 * pair + 1];
      x[2 * pair] = a * cosine - b * sine;
      x[2 * pair + 1] = a * sine + b * cosine;
    }
  }
}

/// scores = softmax(q k^T / sqrt(D)) over the keys.
FLUXSBI_DEVICE void attend(const Attention& call, const HeadGroup& own, SharedFloats q, SharedFloats k,
                           SharedFloats scores) {
  const int T = own.T, rows = own.heads * T;
  for (int i = threadIdx.x; i < rows * T; i += attention_threads) {
    const int row = i / T, key = i % T, head = row / T;
    const SharedFloats a = q + row * own.pitch, b = k + (head * T + key) * own.pitch;
    float product = 0;
    for (int d = 0; d < own.D; ++d) product += a[d] * b[d];
    scores[i] = is_barred(call, own, row % T, key) ? barred_score : product * own.score_scale;
  }
  __syncthreads();
  for (int row = threadIdx.x; row < rows; row += attention_threads) {
    const SharedFloats score = scores + row * T;
    float most = score[0], sum = 0;
    for (int key = 1; key < T; ++key) most = fmaxf(most, score[key]);
    for (int key = 0; key < T; ++key) {
      const float weight = expf(score[key] - most);
      sum += weight;
      score[key] = weight;
    }
    for (int key = 0; key < T; ++key) score[key] = score[key] / sum;
  }
}

/// The MLP part of the sample's rows; its groups of heads share the work.
template <class T>
FLUXSBI_DEVICE void gelu_of_rest(const Attention& call, const HeadGroup& own) {
  const int m = static_cast<int>(call.m), stride = attention_threads * static_cast<int>(gridDim.y);
  for (int i = blockIdx.y * attention_threads + threadIdx.x; i < own.T * m; i += stride) {
    const int t = i / m, f = i % m;
    T* out = token_row(call, own, t, static_cast<T*>(call.first.out), static_cast<T*>(call.second.out),
                       own.out_width);
    store(out, own.F + f, gelu_of(load(packed_row<T>(call, own, t), 3 * own.F + f)));
  }
}

template <class T>
FLUXSBI_DEVICE void attention_of_heads(const Attention& call, int heads_of_block, SharedFloats shared) {
  const HeadGroup own = head_group(call, heads_of_block);
  const int vectors = own.heads * own.T * own.pitch;
  const SharedFloats q = shared, k = q + vectors, v = k + vectors, scores = v + vectors;
  read_heads<T>(call, own, q, k, v);
  __syncthreads();
  norm_and_rotate<T>(call, own, q, k);
  __syncthreads();
  attend(call, own, q, k, scores);
  __syncthreads();
  for (int i = threadIdx.x; i < own.T * own.heads * own.D; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    const SharedFloats weights = scores + (h * own.T + t) * own.T, values = v + h * own.T * own.pitch + d;
    float sum = 0;
    for (int key = 0; key < own.T; ++key) sum += weights[key] * values[key * own.pitch];
    T* out = token_row(call, own, t, static_cast<T*>(call.first.out), static_cast<T*>(call.second.out),
                       own.out_width);
    store(out, (own.first_head + h) * own.D + d, sum);
  }
  gelu_of_rest<T>(call, own);
}

}  // namespace fluxsbi::engine::cuda::kernels
