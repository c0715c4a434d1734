// Attention over short sequences; part of kernels_*.cpp, see simd.hpp for the rules.
//
// A vector holds one number of `width` samples (a group), so that every loop below runs over whole vectors
// whatever the head dimension and the number of tokens are. The price is a transposition when rows are read
// and written (pack, unpack).
#pragma once

#include "model/ops/kernels.hpp"
#include "model/ops/simd.hpp"

namespace fluxsbi::model::ops {

namespace {

// Columns [0, n) of row (t, b0 + lane) -> to[column], lane by lane. Lanes at `lanes` and above become 0.
inline void pack(const Input& rows, int64_t t, int64_t b0, int64_t lanes, int64_t column, int64_t n,
                 Vec* to) {
  auto* numbers = reinterpret_cast<float*>(to);
  if (lanes < width) {
    for (int64_t i = 0; i < n; ++i) to[i] = Vec{};
  }
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float* from = row(rows, t, b0 + lane) + column;
    for (int64_t i = 0; i < n; ++i) numbers[i * width + lane] = from[i];
  }
}

inline void unpack(const Vec* from, const Output& rows, int64_t t, int64_t b0, int64_t lanes, int64_t column,
                   int64_t n) {
  const auto* numbers = reinterpret_cast<const float*>(from);
  for (int64_t lane = 0; lane < lanes; ++lane) {
    float* to = row(rows, t, b0 + lane) + column;
    for (int64_t i = 0; i < n; ++i) to[i] = numbers[i * width + lane];
  }
}

inline Vec dot(const Vec* a, const Vec* b, int64_t n) {
  Vec total{};
  for (int64_t i = 0; i < n; ++i) total += a[i] * b[i];
  return total;
}

inline void add_scaled(Vec* to, Vec factor, const Vec* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += factor * x[i];
}

// The group and head at hand, with vectors [T, D] of all streams' tokens, first stream first.
struct Tile {
  const Attention& p;
  int64_t T, D;
  int64_t b0 = 0, lanes = 0, head = 0;
  Vec *rotation = nullptr, *edges = nullptr;  // [T, D] and [T, T]; null where there are none
  Vec *q = nullptr, *k = nullptr, *v = nullptr, *score = nullptr;

  // f(stream, token of the stream, token of all)
  template <class Body>
  void over_tokens(Body body) const {
    int64_t all_tokens = 0;
    for (int64_t s = 0; s < p.streams; ++s) {
      for (int64_t t = 0; t < p.stream[s].tokens; ++t) body(s, t, all_tokens++);
    }
  }
};

// Of the norm of a part with this scale; 1 where it has none.
inline Vec rms_factor(const float* scale, const Vec* x, int64_t n, float eps) {
  return scale ? 1 / square_root(dot(x, x, n) / static_cast<float>(n) + eps) : all(1.0F);
}

// y = rotation of (x factor scale); the pairs (2j, 2j + 1) turn by the angle whose (cos, sin) is in the
// table.
inline void norm_and_rotate(const Vec* x, Vec factor, const float* scale, const Vec* rotation, int64_t D,
                            Vec* y) {
  for (int64_t i = 0; i < D; ++i) y[i] = scale ? x[i] * factor * scale[i] : x[i];
  for (int64_t i = 0; rotation && i < D; i += 2) {
    const Vec a = y[i], b = y[i + 1], cosine = rotation[i], sine = rotation[i + 1];
    y[i] = a * cosine - b * sine;
    y[i + 1] = a * sine + b * cosine;
  }
}

// The gradient of y becomes that of x in place; the gradient of scale is added up.
inline void norm_and_rotate_backward(const Vec* x, Vec factor, const float* scale, const Vec* rotation,
                                     int64_t D, Vec* gradient, Vec* scale_gradient) {
  for (int64_t i = 0; rotation && i < D; i += 2) {
    const Vec a = gradient[i], b = gradient[i + 1], cosine = rotation[i], sine = rotation[i + 1];
    gradient[i] = a * cosine + b * sine;
    gradient[i + 1] = b * cosine - a * sine;
  }
  if (!scale) return;
  Vec along{};
  for (int64_t i = 0; i < D; ++i) {
    scale_gradient[i] += gradient[i] * x[i] * factor;
    gradient[i] *= scale[i];
    along += gradient[i] * x[i];
  }
  along *= factor * factor / static_cast<float>(D);
  for (int64_t i = 0; i < D; ++i) gradient[i] = factor * (gradient[i] - along * x[i]);
}

// score[j] <- softmax over j of (q_i k_j) / sqrt(D), those that i may not attend to at barred_score
inline void softmax_row(const Tile& tile, int64_t i) {
  const Vec* q = tile.q + i * tile.D;
  const float root = 1 / square_root(static_cast<float>(tile.D));
  for (int64_t j = 0; j < tile.T; ++j) tile.score[j] = dot(q, tile.k + j * tile.D, tile.D) * root;
  const Vec* edges = tile.edges + i * tile.T;
  for (int64_t j = 0; tile.edges && j < tile.T; ++j) {
    tile.score[j] = edges[j] > 0.0F ? tile.score[j] : all(barred_score);
  }
  Vec highest = tile.score[0];
  for (int64_t j = 1; j < tile.T; ++j) highest = larger(highest, tile.score[j]);
  Vec total{};
  for (int64_t j = 0; j < tile.T; ++j) {
    tile.score[j] = exponential(tile.score[j] - highest);
    total += tile.score[j];
  }
  const Vec share = 1 / total;
  for (int64_t j = 0; j < tile.T; ++j) tile.score[j] *= share;
}

// The rows [n] of a table of all tokens.
inline void pack_table(const Tile& tile, const Input& rows, int64_t n, Vec* to) {
  for (int64_t t = 0; t < tile.T; ++t) pack(rows, t, tile.b0, tile.lanes, 0, n, to + t * n);
}

// Reads one part (0 q, 1 k, 2 v) of a token's packed row.
inline void pack_part(const Tile& tile, int64_t s, int64_t t, int64_t part, Vec* to) {
  pack(tile.p.stream[s].packed, t, tile.b0, tile.lanes, (part * tile.p.H + tile.head) * tile.D, tile.D, to);
}

void attention_head(const Tile& tile, Vec* raw, Vec* out) {
  const int64_t D = tile.D;
  tile.over_tokens([&](int64_t s, int64_t t, int64_t i) {
    const Vec* rotation = tile.rotation ? tile.rotation + i * D : nullptr;
    pack_part(tile, s, t, 0, raw);
    const float *query_scale = tile.p.stream[s].query_scale, *key_scale = tile.p.stream[s].key_scale;
    norm_and_rotate(raw, rms_factor(query_scale, raw, D, tile.p.eps), query_scale, rotation, D,
                    tile.q + i * D);
    pack_part(tile, s, t, 1, raw);
    norm_and_rotate(raw, rms_factor(key_scale, raw, D, tile.p.eps), key_scale, rotation, D, tile.k + i * D);
    pack_part(tile, s, t, 2, tile.v + i * D);
  });
  tile.over_tokens([&](int64_t s, int64_t t, int64_t i) {
    softmax_row(tile, i);
    for (int64_t d = 0; d < D; ++d) out[d] = Vec{};
    for (int64_t j = 0; j < tile.T; ++j) add_scaled(out, tile.score[j], tile.v + j * D, D);
    unpack(out, tile.p.stream[s].out, t, tile.b0, tile.lanes, tile.head * D, D);
  });
}

// What the backward pass needs beside a tile, all [T, D] or as noted.
struct Gradients {
  Vec *raw_q, *raw_k, *q, *k, *v;
  Vec *factor_q, *factor_k;  // [T]
  Vec* score;                // [T]
  Vec* out;                  // [D]
  Vec* scale;                // [streams, 2, D], summed over heads and tokens of a group
};

// Gradients of the rotated q and k and of v.
inline void product_gradients(const Tile& tile, const Gradients& g) {
  const int64_t D = tile.D, T = tile.T;
  const float root = 1 / square_root(static_cast<float>(D));
  for (int64_t i = 0; i < T * D; ++i) g.q[i] = g.k[i] = g.v[i] = Vec{};
  tile.over_tokens([&](int64_t s, int64_t t, int64_t i) {
    softmax_row(tile, i);
    pack(tile.p.stream[s].out_gradient, t, tile.b0, tile.lanes, tile.head * D, D, g.out);
    Vec mean{};
    for (int64_t j = 0; j < T; ++j) {
      g.score[j] = dot(g.out, tile.v + j * D, D);
      mean += g.score[j] * tile.score[j];
      add_scaled(g.v + j * D, tile.score[j], g.out, D);
    }
    for (int64_t j = 0; j < T; ++j) {
      Vec score = tile.score[j] * (g.score[j] - mean) * root;
      if (tile.edges) score *= tile.edges[i * T + j];
      add_scaled(g.q + i * D, score, tile.k + j * D, D);
      add_scaled(g.k + j * D, score, tile.q + i * D, D);
    }
  });
}

void attention_head_backward(const Tile& tile, const Gradients& g) {
  const int64_t D = tile.D;
  tile.over_tokens([&](int64_t s, int64_t t, int64_t i) {
    const auto& stream = tile.p.stream[s];
    const Vec* rotation = tile.rotation ? tile.rotation + i * D : nullptr;
    Vec *raw_q = g.raw_q + i * D, *raw_k = g.raw_k + i * D;
    pack_part(tile, s, t, 0, raw_q);
    pack_part(tile, s, t, 1, raw_k);
    pack_part(tile, s, t, 2, tile.v + i * D);
    g.factor_q[i] = rms_factor(stream.query_scale, raw_q, D, tile.p.eps);
    g.factor_k[i] = rms_factor(stream.key_scale, raw_k, D, tile.p.eps);
    norm_and_rotate(raw_q, g.factor_q[i], stream.query_scale, rotation, D, tile.q + i * D);
    norm_and_rotate(raw_k, g.factor_k[i], stream.key_scale, rotation, D, tile.k + i * D);
  });
  product_gradients(tile, g);
  tile.over_tokens([&](int64_t s, int64_t t, int64_t i) {
    const auto& stream = tile.p.stream[s];
    const Vec* rotation = tile.rotation ? tile.rotation + i * D : nullptr;
    Vec* scale = g.scale + s * 2 * D;
    norm_and_rotate_backward(g.raw_q + i * D, g.factor_q[i], stream.query_scale, rotation, D, g.q + i * D,
                             scale);
    norm_and_rotate_backward(g.raw_k + i * D, g.factor_k[i], stream.key_scale, rotation, D, g.k + i * D,
                             scale + D);
    const Vec* parts[] = {g.q + i * D, g.k + i * D, g.v + i * D};
    for (int64_t part = 0; part < 3; ++part) {
      unpack(parts[part], stream.packed_gradient, t, tile.b0, tile.lanes, (part * tile.p.H + tile.head) * D,
             D);
    }
  });
}

// Hands out pieces of the scratch memory.
struct Scratch {
  Vec* next;
  Vec* take(int64_t n) {
    Vec* piece = next;
    next += n;
    return piece;
  }
};

int64_t attention_scratch(const Attention& p, bool backward) {
  const int64_t T = p.tokens, D = p.D;
  const int64_t forward = 4 * T * D + T + 2 * D + (p.edges.data ? T * T : 0);
  const int64_t vectors =
      backward ? forward + 5 * T * D + 3 * T + (1 + 2 * Attention::most_streams) * D : forward;
  return (vectors + 1) * width;  // + 1: to align the start
}

inline Scratch aligned(float* scratch) {
  const auto bytes = static_cast<uintptr_t>(sizeof(Vec));
  return {reinterpret_cast<Vec*>((reinterpret_cast<uintptr_t>(scratch) + bytes - 1) / bytes * bytes)};
}

inline Tile make_tile(const Attention& p, Scratch& scratch) {
  const int64_t T = p.tokens, D = p.D;
  Tile tile{p, T, D};
  if (p.rotation.data) tile.rotation = scratch.take(T * D);
  if (p.edges.data) tile.edges = scratch.take(T * T);
  tile.q = scratch.take(T * D);
  tile.k = scratch.take(T * D);
  tile.v = scratch.take(T * D);
  tile.score = scratch.take(T);
  return tile;
}

// f() for each group of samples, the tile set to it.
template <class Body>
inline void over_groups(Tile& tile, int64_t begin, int64_t end, Body body) {
  for (int64_t group = begin; group < end; ++group) {
    tile.b0 = group * width;
    tile.lanes = tile.p.B - tile.b0 < width ? tile.p.B - tile.b0 : width;
    if (tile.rotation) pack_table(tile, tile.p.rotation, tile.D, tile.rotation);
    if (tile.edges) pack_table(tile, tile.p.edges, tile.T, tile.edges);
    body(group);
  }
}

void attention_kernel(const Attention& p, int64_t begin, int64_t end, float* memory) {
  Scratch scratch = aligned(memory);
  Tile tile = make_tile(p, scratch);
  Vec *raw = scratch.take(p.D), *out = scratch.take(p.D);
  over_groups(tile, begin, end, [&](int64_t) {
    for (tile.head = 0; tile.head < p.H; ++tile.head) attention_head(tile, raw, out);
  });
}

void attention_backward_kernel(const Attention& p, int64_t begin, int64_t end, float* memory) {
  Scratch scratch = aligned(memory);
  Tile tile = make_tile(p, scratch);
  const int64_t T = tile.T, D = p.D, sums = p.streams * 2 * D;
  Gradients g{};
  Vec** const matrices[] = {&g.raw_q, &g.raw_k, &g.q, &g.k, &g.v};
  Vec** const rows[] = {&g.factor_q, &g.factor_k, &g.score};
  for (Vec** piece : matrices) *piece = scratch.take(T * D);
  for (Vec** piece : rows) *piece = scratch.take(T);
  g.out = scratch.take(D);
  g.scale = scratch.take(sums);
  over_groups(tile, begin, end, [&](int64_t group) {
    for (int64_t i = 0; i < sums; ++i) g.scale[i] = Vec{};
    for (tile.head = 0; tile.head < p.H; ++tile.head) attention_head_backward(tile, g);
    for (int64_t i = 0; p.scale_gradient && i < sums; ++i)
      p.scale_gradient[group * sums + i] = sum(g.scale[i]);
  });
}

}  // namespace

}  // namespace fluxsbi::model::ops
