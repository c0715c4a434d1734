// The gradient of attention.cuh. The forward pass is computed again from the packed rows, which is cheaper
// than keeping and reading its intermediate values. With P the attention weights:
//   dv_j = sum_i P_ij dout_i,   dP_ij = dout_i v_j,   dS_ij = P_ij (dP_ij - sum_j P_ij dP_ij) / sqrt(D)
//   dq_i = sum_j dS_ij k_j,     dk_j = sum_i dS_ij q_i,   where no score flows back through a barred edge;
// then the rotation backwards, and of y = scale n, n = x r, r = 1 / sqrt(mean(x^2) + eps):
//   dscale = sum of dy n,       dx = r (scale dy - n mean(scale dy n)).
#pragma once

#include "engine/cuda/kernels/attention.cuh"

namespace fluxsbi::engine::cuda::kernels {

template <class T>
FLUXSBI_DEVICE T* dpacked_row(const AttentionGradient& gradient, const HeadGroup& own, int t) {
  return token_row(gradient.of, own, t, static_cast<T*>(gradient.first.dpacked),
                   static_cast<T*>(gradient.second.dpacked), own.row_width);
}
template <class T>
FLUXSBI_DEVICE const T* dout_row(const AttentionGradient& gradient, const HeadGroup& own, int t) {
  return token_row(gradient.of, own, t, static_cast<const T*>(gradient.first.dout),
                   static_cast<const T*>(gradient.second.dout), own.out_width);
}

template <class T>
FLUXSBI_DEVICE void read_dout(const AttentionGradient& gradient, const HeadGroup& own, SharedFloats dout) {
  for (int i = threadIdx.x; i < own.T * own.heads * own.D; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    dout[(h * own.T + t) * own.pitch + d] =
        load(dout_row<T>(gradient, own, t), (own.first_head + h) * own.D + d);
  }
}

/// dscores = dS.
FLUXSBI_DEVICE void scores_gradient(const Attention& call, const HeadGroup& own, SharedFloats dout,
                                    SharedFloats v, SharedFloats scores, SharedFloats dscores) {
  const int T = own.T, rows = own.heads * T;
  for (int i = threadIdx.x; i < rows * T; i += attention_threads) {
    const int row = i / T, head = row / T;
    const SharedFloats a = dout + row * own.pitch, b = v + (head * T + i % T) * own.pitch;
    float product = 0;
    for (int d = 0; d < own.D; ++d) product += a[d] * b[d];
    dscores[i] = product;
  }
  __syncthreads();
  for (int row = threadIdx.x; row < rows; row += attention_threads) {
    const SharedFloats weight = scores + row * T, dweight = dscores + row * T;
    float mean = 0;
    for (int key = 0; key < T; ++key) mean += weight[key] * dweight[key];
    for (int key = 0; key < T; ++key) {
      const bool barred = is_barred(call, own, row % T, key);
      dweight[key] = barred ? 0 : weight[key] * (dweight[key] - mean) * own.score_scale;
    }
  }
}

/// dv to its place in dpacked; dq takes the place of v, and then dk that of dout.
template <class T>
FLUXSBI_DEVICE void vectors_gradient(const AttentionGradient& gradient, const HeadGroup& own, SharedFloats q,
                                     SharedFloats k, SharedFloats v, SharedFloats dout, SharedFloats scores,
                                     SharedFloats dscores) {
  const int elements = own.T * own.heads * own.D;
  for (int i = threadIdx.x; i < elements; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    const int row = h * own.T + t, head = h * own.T;
    float dv = 0, dq = 0;
    for (int other = 0; other < own.T; ++other) {
      const int vector = (head + other) * own.pitch + d;
      dv += scores[(head + other) * own.T + t] * dout[vector];
      dq += dscores[row * own.T + other] * k[vector];
    }
    store(dpacked_row<T>(gradient, own, t), 2 * own.F + (own.first_head + h) * own.D + d, dv);
    v[row * own.pitch + d] = dq;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < elements; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    float dk = 0;
    for (int other = 0; other < own.T; ++other) {
      const int query = h * own.T + other;
      dk += dscores[query * own.T + t] * q[query * own.pitch + d];
    }
    dout[(h * own.T + t) * own.pitch + d] = dk;
  }
}

/// Back through rotation and norm: dq and dk in place; q and k become what each vector adds to the gradient
/// of its scale.
template <class T>
FLUXSBI_DEVICE void unrotate_and_unnorm(const Attention& call, const HeadGroup& own, SharedFloats q,
                                        SharedFloats k, SharedFloats dq, SharedFloats dk) {
  const int vectors = own.heads * own.T;
  for (int i = threadIdx.x; i < 2 * vectors; i += attention_threads) {
    const int part = i / vectors, vector = i % vectors, t = vector % own.T;
    const SharedFloats dy = (part == 0 ? dq : dk) + vector * own.pitch;
    for (int pair = 0; call.rope && pair < own.D / 2; ++pair) {
      const int64_t at = rope_pair(call, own, t, pair);
      const float cosine = load(call.rope, at), sine = load(call.rope, at + 1);
      const float a = dy[2 * pair], b = dy[2 * pair + 1];
      dy[2 * pair] = a * cosine + b * sine;
      dy[2 * pair + 1] = b * cosine - a * sine;
    }
    const T* scale = norm_scale<T>(call, t, part);
    if (!scale) continue;
    const T* x = packed_row<T>(call, own, t) + part * own.F + (own.first_head + vector / own.T) * own.D;
    const SharedFloats dscale = (part == 0 ? q : k) + vector * own.pitch;
    const float r = inverse_rms(x, own, call.eps);
    float mean = 0;
    for (int d = 0; d < own.D; ++d) {
      const float along = dy[d] * load(x, d) * r;  // dy n
      dscale[d] = along;
      mean += load(scale, d) * along;
    }
    mean /= static_cast<float>(own.D);
    for (int d = 0; d < own.D; ++d) dy[d] = r * (load(scale, d) * dy[d] - load(x, d) * r * mean);
  }
}

/// dq and dk to dpacked, and the block's part of the scales' gradients.
template <class T>
FLUXSBI_DEVICE void write_gradients(const AttentionGradient& gradient, const HeadGroup& own, SharedFloats dq,
                                    SharedFloats dk, SharedFloats dscale_q, SharedFloats dscale_k) {
  for (int i = threadIdx.x; i < own.T * own.heads * own.D; i += attention_threads) {
    const int d = i % own.D, h = i / own.D % own.heads, t = i / (own.D * own.heads);
    T* row = dpacked_row<T>(gradient, own, t) + (own.first_head + h) * own.D + d;
    const int at = (h * own.T + t) * own.pitch + d;
    store(row, 0, dq[at]);
    store(row, own.F, dk[at]);
  }
  if (!gradient.dscales) return;
  const int64_t block = own.sample * gridDim.y + blockIdx.y;
  const int before = static_cast<int>(gradient.of.first.T);
  for (int i = threadIdx.x; i < 4 * own.D; i += attention_threads) {
    const int d = i % own.D, part = i / own.D % 2, stream = i / (2 * own.D);
    const SharedFloats from = part == 0 ? dscale_q : dscale_k;
    const int begin = stream == 0 ? 0 : before, end = stream == 0 ? before : own.T;
    float sum = 0;
    for (int h = 0; h < own.heads; ++h) {
      for (int t = begin; t < end; ++t) sum += from[(h * own.T + t) * own.pitch + d];
    }
    store(gradient.dscales, block * 4 * own.D + i, sum);
  }
}

template <class T>
FLUXSBI_DEVICE void gelu_of_rest_gradient(const AttentionGradient& gradient, const HeadGroup& own) {
  const int m = static_cast<int>(gradient.of.m), stride = attention_threads * static_cast<int>(gridDim.y);
  for (int i = blockIdx.y * attention_threads + threadIdx.x; i < own.T * m; i += stride) {
    const int t = i / m, f = i % m;
    const float slope = gelu_slope_at(load(packed_row<T>(gradient.of, own, t), 3 * own.F + f));
    store(dpacked_row<T>(gradient, own, t), 3 * own.F + f,
          slope * load(dout_row<T>(gradient, own, t), own.F + f));
  }
}

template <class T>
FLUXSBI_DEVICE void attention_of_heads_gradient(const AttentionGradient& gradient, int heads_of_block,
                                                SharedFloats shared) {
  const Attention& call = gradient.of;
  const HeadGroup own = head_group(call, heads_of_block);
  const int vectors = own.heads * own.T * own.pitch;
  const SharedFloats q = shared, k = q + vectors, v = k + vectors, dout = v + vectors,
                     scores = dout + vectors, dscores = scores + own.heads * own.T * own.T;
  read_heads<T>(call, own, q, k, v);
  read_dout<T>(gradient, own, dout);
  __syncthreads();
  norm_and_rotate<T>(call, own, q, k);
  __syncthreads();
  attend(call, own, q, k, scores);
  __syncthreads();
  scores_gradient(call, own, dout, v, scores, dscores);
  __syncthreads();
  vectors_gradient<T>(gradient, own, q, k, v, dout, scores, dscores);
  __syncthreads();
  unrotate_and_unnorm<T>(call, own, q, k, v, dout);
  __syncthreads();
  write_gradients<T>(gradient, own, v, dout, q, k);
  gelu_of_rest_gradient<T>(gradient, own);
}

}  // namespace fluxsbi::engine::cuda::kernels
