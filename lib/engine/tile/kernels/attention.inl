// Attention head by head; part of kernels_*.cpp, see simd.hpp for the rules.
//
// For some rows (tokens of q) at a time: scores = q k^T, probabilities P = softmax(scores), out = P v. The
// backward pass computes P again and has four more products:
//   dP = dout v^T,  dv = P^T dout,  dscores = P (dP - mean_P(dP)) / sqrt(D),  dq = dscores k,
//   dk = dscores^T q.
#pragma once

#include "engine/tile/kernels/functions.inl"
#include "engine/tile/kernels/lane_products.inl"

namespace fluxsbi::engine::tile {

namespace {

// The score of a token that may not be attended to: finite, so that a token that may attend nowhere attends
// to all alike.
constexpr float barred_score = -1e30F;

// Rows of scores at a time: few enough to stay in the first cache, enough to read k and v seldom.
constexpr int64_t most_score_rows = 16;

template <class Number>
inline CellsOf<Number> head_of(const BlockOf<Number>& block, int64_t head, int64_t D) {
  return {block.data ? block.at(0, head * D) : nullptr, block.token, lanes};
}

// The queries or the keys.
struct Side {
  Side(const Attention& p, const In& x, const In& scale) : p(p), x(x), scale(scale) {}

  bool is_changed() const { return scale.data || p.rotation; }

  const Attention& p;
  const In &x, &scale;
  float *changed = nullptr, *gradient = nullptr;  // [T, D] cells, of the head at hand
  float* factors = nullptr;                       // [T] cells, of the norm
};

// 1 / the root mean square of D features
inline Vec norm_factor(const Side& side, const float* x, int64_t lane) {
  const float share = 1.0F / static_cast<float>(side.p.D);
  const Vec squares = sum_over_features(side.p.D, lane, [&](int64_t i) { return load(x + i) * load(x + i); });
  return 1 / square_root(squares * share + side.p.eps);
}

// f(i, cosine, sine) for the pairs of features of token t, i the place of the first.
template <class Body>
inline void over_pairs(const Side& side, int64_t t, int64_t lane, Body body) {
  const float* rotation = side.p.rotation + t * side.p.D;
  for (int64_t d = 0; d < side.p.D; d += 2) body(d * lanes + lane, all(rotation[d]), all(rotation[d + 1]));
}

// q or k of a head as the scores take it: normed and rotated in scratch memory, or where it stands.
Cells change(const Side& side, int64_t head) {
  const int64_t D = side.p.D;
  if (!side.is_changed()) return head_of(side.x, head, D);
  over_tokens(side.x.T, [&](int64_t t) {
    const float *x = side.x.at(t, head * D), *scale = side.scale.data ? row(side.scale, t) : nullptr;
    float* y = side.changed + t * D * lanes;
    over_lanes([&](int64_t lane) {
      const Vec factor = scale ? norm_factor(side, x, lane) : all(1.0F);
      store(side.factors + t * lanes + lane, factor);
      const auto normed = [&](int64_t i) {
        return scale ? load(x + i) * factor * load(scale + i) : load(x + i);
      };
      if (side.p.rotation) {
        over_pairs(side, t, lane, [&](int64_t i, Vec cosine, Vec sine) {
          const Vec a = normed(i), b = normed(i + lanes);
          store(y + i, a * cosine - b * sine);
          store(y + i + lanes, a * sine + b * cosine);
        });
      } else {
        for (int64_t i = lane; i < D * lanes; i += lanes) store(y + i, normed(i));
      }
    });
  });
  return {side.changed, D * lanes, lanes};
}

// f(i, gradient) for the features of token t, the gradient turned back.
template <class Body>
inline void over_gradients(const Side& side, int64_t t, int64_t lane, Body body) {
  const float* g = side.gradient + t * side.p.D * lanes;
  if (side.p.rotation) {
    over_pairs(side, t, lane, [&](int64_t i, Vec cosine, Vec sine) {
      const Vec a = load(g + i), b = load(g + i + lanes);
      body(i, a * cosine + b * sine);
      body(i + lanes, b * cosine - a * sine);
    });
  } else {
    for (int64_t i = lane; i < side.p.D * lanes; i += lanes) body(i, load(g + i));
  }
}

// With n = x factor and h = scale g:  dscale = n g,  dx = factor (h - n mean(h n)).
inline void norm_gradient(const Side& side, int64_t t, int64_t head, int64_t lane, const GradientRow& dx,
                          const GradientRow& dscale) {
  const float *x = side.x.at(t, head * side.p.D), *scale = row(side.scale, t);
  float* h = side.gradient + t * side.p.D * lanes;
  const Vec factor = load(side.factors + t * lanes + lane);
  Vec along{};
  over_gradients(side, t, lane, [&](int64_t i, Vec gradient) {
    const Vec normed = load(x + i) * factor, product = gradient * normed;
    dscale.put(i, product);
    along += product * load(scale + i);
    store(h + i, gradient * load(scale + i));
  });
  if (!dx.data) return;
  along *= factor * (1.0F / static_cast<float>(side.p.D));
  for (int64_t i = lane; i < side.p.D * lanes; i += lanes) {
    dx.put(i, factor * (load(h + i) - along * load(x + i)));
  }
}

// The gradient of what `change` made becomes that of x, and of scale, which takes the sum over heads.
void change_backward(const Side& side, int64_t head, const Gradient& x_gradient, Gradient scale_gradient) {
  if (!side.is_changed()) return;
  const int64_t D = side.p.D;
  Gradient x_of_head = x_gradient;
  if (x_of_head.data) x_of_head.data = x_gradient.at(0, head * D);
  scale_gradient.adds = scale_gradient.adds || head > 0;
  over_tokens(side.x.T, [&](int64_t t) {
    const GradientRow dx(x_of_head, t), dscale(scale_gradient, t);
    over_lanes([&](int64_t lane) {
      if (side.scale.data) {
        norm_gradient(side, t, head, lane, dx, dscale);
      } else {
        over_gradients(side, t, lane, [&](int64_t i, Vec gradient) { dx.put(i, gradient); });
      }
    });
  });
}

// scores <- softmax(root scores) over T tokens, barred where edges say so
inline void softmax_row(float* scores, const float* edges, float root, int64_t T, int64_t lane) {
  const int64_t end = T * lanes;
  Vec highest = all(barred_score);
  for (int64_t j = lane; j < end; j += lanes) {
    Vec score = load(scores + j) * root;
    if (edges) score = load(edges + j) > 0.0F ? score : all(barred_score);
    store(scores + j, score);
    highest = larger(highest, score);
  }
  Vec total{};
  for (int64_t j = lane; j < end; j += lanes) {
    const Vec weight = exponential_below_zero(load(scores + j) - highest);
    store(scores + j, weight);
    total += weight;
  }
  const Vec share = 1 / total;
  for (int64_t j = lane; j < end; j += lanes) store(scores + j, load(scores + j) * share);
}

inline float score_factor(const Attention& p) {
  return 1 / square_root(static_cast<float>(p.D));
}

// P for n rows of q from row `first` on
void probabilities(const Attention& p, Cells q, Cells k, int64_t first, int64_t n, OutCells scores) {
  const int64_t T = p.k.T;
  lane_product({n, T, p.D, q.from_row(first), k.transposed(), scores, false});
  over_tokens(n, [&](int64_t i) {
    const float* edges = p.edges.data ? row(p.edges, first + i) : nullptr;
    over_lanes(
        [&](int64_t lane) { softmax_row(scores.data + i * scores.row, edges, score_factor(p), T, lane); });
  });
}

// dP -> dscores, n rows from row `first` on. The score of a barred token is a constant.
void score_gradients(const Attention& p, Cells P, int64_t first, int64_t n, OutCells gradients) {
  const float root = score_factor(p);
  const int64_t T = p.k.T, end = T * lanes;
  over_tokens(n, [&](int64_t i) {
    const float* share = P.data + i * P.row;
    float* g = gradients.data + i * gradients.row;
    const float* edges = p.edges.data ? row(p.edges, first + i) : nullptr;
    over_lanes([&](int64_t lane) {
      const Vec mean = sum_over_features(T, lane, [&](int64_t j) { return load(share + j) * load(g + j); });
      for (int64_t j = lane; j < end; j += lanes) {
        const Vec score = load(share + j) * (load(g + j) - mean) * root;
        store(g + j, edges ? (load(edges + j) > 0.0F ? score : Vec{}) : score);
      }
    });
  });
}

// Hands out pieces of the scratch memory, which attention_scratch() measures.
struct Scratch {
  float* next;
  float* take(int64_t cells) {
    float* piece = next;
    next += cells * lanes;
    return piece;
  }
};

inline int64_t score_rows(int64_t that_fit) {
  return that_fit < most_score_rows ? that_fit : most_score_rows;
}

// f(first, n) for the rows of scores, `most` at a time.
template <class Body>
inline void over_score_rows(int64_t T, int64_t most, Body body) {
  for (int64_t first = 0; first < T; first += most) body(first, T - first < most ? T - first : most);
}

void attention_kernel(const AttentionForward& p) {
  const int64_t T = p.q.T, D = p.D;
  Scratch scratch{p.scratch};
  Side queries(p, p.q, p.query_scale), keys(p, p.k, p.key_scale);
  Side* const sides[] = {&queries, &keys};
  for (Side* side : sides) {
    side->changed = scratch.take(T * D);
    side->factors = scratch.take(T);
  }
  const OutCells scores{scratch.next, T * lanes, lanes};
  const int64_t most = score_rows(6 * D + 2);  // 6 T D + 2 T cells remain
  for (int64_t head = 0; head < p.H; ++head) {
    const Cells q = change(queries, head), k = change(keys, head), v = head_of(p.v, head, D);
    const OutCells out = head_of<float>(p.out, head, D);
    over_score_rows(T, most, [&](int64_t first, int64_t n) {
      probabilities(p, q, k, first, n, scores);
      lane_product({n, D, T, scores, v, out.from_row(first), false});
    });
  }
}

// Where a product writes the gradient of q or k, and whether it adds.
struct Target {
  Target(const Side& side, const Gradient& gradient, const Gradient& scale, int64_t head)
      : cells(head_of<float>(gradient, head, side.p.D)), adds(gradient.adds) {
    if (!side.is_changed()) return;
    const bool wanted = gradient.data || (side.scale.data && scale.data);
    cells = {wanted ? side.gradient : nullptr, side.p.D * lanes, lanes};
    adds = false;
  }

  OutCells cells;
  bool adds;
};

void attention_backward_kernel(const AttentionBackward& p) {
  const int64_t T = p.q.T, D = p.D;
  Scratch scratch{p.scratch};
  Side queries(p, p.q, p.query_scale), keys(p, p.k, p.key_scale);
  Side* const sides[] = {&queries, &keys};
  for (Side* side : sides) {
    side->changed = scratch.take(T * D);
    side->gradient = scratch.take(T * D);
    side->factors = scratch.take(T);
  }
  const int64_t most = score_rows(2 * D + 1);  // 4 T D + 2 T cells remain for P and its gradient
  const OutCells P{scratch.take(most * T), T * lanes, lanes}, g{scratch.next, T * lanes, lanes};
  for (int64_t head = 0; head < p.H; ++head) {
    const Cells q = change(queries, head), k = change(keys, head), v = head_of(p.v, head, D);
    const Target dq(queries, p.q_gradient, p.query_scale_gradient, head);
    const Target dk(keys, p.k_gradient, p.key_scale_gradient, head);
    const OutCells dv = head_of<float>(p.v_gradient, head, D);
    over_score_rows(T, most, [&](int64_t first, int64_t n) {
      const Cells dout = head_of(p.out_gradient, head, D).from_row(first);
      probabilities(p, q, k, first, n, P);
      if (dv.data) lane_product({T, D, n, Cells(P).transposed(), dout, dv, p.v_gradient.adds || first > 0});
      lane_product({n, T, D, dout, v.transposed(), g, false});
      score_gradients(p, P, first, n, g);
      if (dq.cells.data) lane_product({n, D, T, g, k, dq.cells.from_row(first), dq.adds});
      if (dk.cells.data) {
        lane_product({T, D, n, Cells(g).transposed(), q.from_row(first), dk.cells, dk.adds || first > 0});
      }
    });
    if (dq.cells.data) change_backward(queries, head, p.q_gradient, p.query_scale_gradient);
    if (dk.cells.data) change_backward(keys, head, p.k_gradient, p.key_scale_gradient);
  }
}

}  // namespace

}  // namespace fluxsbi::engine::tile
