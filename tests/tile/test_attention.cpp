// Attention of the tile engine against float64.
#include "tile/reference.hpp"

using namespace fluxsbi::engine::tile;

namespace {

// Float32: sums over up to 40 tokens and 12 features, in units of the greatest number.
constexpr double tolerance = 2e-5;
// Large, so that central differences are good where a head of one feature is near 0.
constexpr double eps = 0.1F;

struct Side {
  Table x, scale;
};

// Everything that attention reads, in float64.
struct Reference {
  int64_t H, D;
  Side q, k;
  Table v, edges, g;
  std::vector<float> rotation;
  bool has_scales, has_edges;

  // q or k of head h: normed, then rotated
  Table changed(const Side& side, int64_t h) const {
    Table y(side.x.T, D);
    for (int64_t t = 0; t < y.T; ++t) {
      for (int64_t s = 0; s < lanes; ++s) {
        double square = 0;
        for (int64_t d = 0; d < D; ++d) square += std::pow(side.x.at(t, h * D + d, s), 2);
        const double factor = 1 / std::sqrt(square / static_cast<double>(D) + eps);
        for (int64_t d = 0; d < D; ++d) {
          y.at(t, d, s) = side.x.at(t, h * D + d, s) * (has_scales ? factor * side.scale.at(t, d, s) : 1.0);
        }
        for (int64_t d = 0; !rotation.empty() && d < D; d += 2) {
          const double a = y.at(t, d, s), b = y.at(t, d + 1, s);
          const double cosine = rotation[t * D + d], sine = rotation[t * D + d + 1];
          y.at(t, d, s) = a * cosine - b * sine;
          y.at(t, d + 1, s) = a * sine + b * cosine;
        }
      }
    }
    return y;
  }

  std::vector<double> probabilities(const Table& queries, const Table& keys, int64_t i, int64_t s) const {
    std::vector<double> weights;
    for (int64_t j = 0; j < v.T; ++j) {
      double score = 0;
      for (int64_t d = 0; d < D; ++d) score += queries.at(i, d, s) * keys.at(j, d, s);
      const bool barred = has_edges && edges.at(i, j, s) == 0;
      weights.push_back(barred ? -1e30 : score / std::sqrt(static_cast<double>(D)));
    }
    const double highest = *std::max_element(weights.begin(), weights.end());
    double total = 0;
    for (double& weight : weights) total += weight = std::exp(weight - highest);
    for (double& weight : weights) weight /= total;
    return weights;
  }

  Table out() const {
    Table y(v.T, v.F);
    for (int64_t h = 0; h < H; ++h) {
      const Table queries = changed(q, h), keys = changed(k, h);
      for (int64_t i = 0; i < v.T; ++i) {
        for (int64_t s = 0; s < lanes; ++s) {
          const std::vector<double> P = probabilities(queries, keys, i, s);
          for (int64_t j = 0; j < v.T; ++j) {
            for (int64_t d = h * D; d < (h + 1) * D; ++d) y.at(i, d, s) += P[j] * v.at(j, d, s);
          }
        }
      }
    }
    return y;
  }
};

struct Case {
  Case(int64_t T, int64_t H, int64_t D, std::mt19937& random)
      : T(T),
        H(H),
        D(D),
        q(block(H * D, random)),
        k(block(H * D, random)),
        v(block(H * D, random)),
        query_scale(block(D, random)),
        key_scale(block(D, random)),
        edges(block(T, random)),
        out(block(H * D, random)),
        g(block(H * D, random)),
        scratch(1, attention_scratch(T, D) / lanes, 0, random) {
    p.H = H, p.D = D, p.eps = static_cast<float>(eps);
    p.q = q.in(), p.k = k.in(), p.v = v.in();
    if (draw(0, 2, random) > 0) p.query_scale = query_scale.in(), p.key_scale = key_scale.in();
    if (p.query_scale.data && draw(0, 1, random)) p.query_scale.token = p.key_scale.token = 0;
    if (draw(0, 2, random) > 0 && D % 2 == 0) {
      for (int64_t i = 0; i < T * D; i += 2) {
        const double angle = std::uniform_real_distribution<double>(-3, 3)(random);
        rotation.push_back(static_cast<float>(std::cos(angle)));
        rotation.push_back(static_cast<float>(std::sin(angle)));
      }
      p.rotation = rotation.data();
    }
    if (draw(0, 1, random)) p.edges = draw_edges(random);
  }

  // One row in three has no edge at all in some samples.
  In draw_edges(std::mt19937& random) {
    for (int64_t i = 0; i < T; ++i) {
      const int64_t likely = draw(0, 2, random);
      for (int64_t n = 0; n < T * lanes; ++n) {
        edges.memory[i * edges.token + n] = likely > 0 && draw(0, 2, random) < likely ? 1.0F : 0.0F;
      }
    }
    return edges.in();
  }

  OwnedBlock block(int64_t F, std::mt19937& random) const {
    return OwnedBlock(T, F, draw(0, 2, random), random);
  }

  Reference reference() const {
    const auto scale = [&](const In& of) { return of.data ? Table(of) : Table(T, D); };
    return {H,
            D,
            {Table(p.q), scale(p.query_scale)},
            {Table(p.k), scale(p.key_scale)},
            Table(p.v),
            p.edges.data ? Table(p.edges) : Table(T, T),
            Table(g.in()),
            rotation,
            p.query_scale.data != nullptr,
            p.edges.data != nullptr};
  }

  void check_forward(const Kernels& kernels) {
    kernels.attention({p, out.out(), scratch.memory.get()});
    CHECK(difference(reference().out(), out.in()) < tolerance);
  }

  void check_backward(const Kernels& kernels, std::mt19937& random) {
    const auto result = [&](int64_t rows, int64_t F) {
      return Result(rows, F, draw(0, 2, random), draw(0, 4, random) > 0, draw(0, 1, random), random);
    };
    // Gradients of scales are one a token, or their sums over tokens.
    const int64_t scale_rows = draw(0, 1, random) ? T : 1;
    Result dq = result(T, H * D), dk = result(T, H * D), dv = result(T, H * D),
           dquery_scale = result(scale_rows, D), dkey_scale = result(scale_rows, D);
    kernels.attention_backward({p, g.in(), dq.gradient(), dk.gradient(), dv.gradient(),
                                dquery_scale.gradient(), dkey_scale.gradient(), scratch.memory.get()});
    Reference r = reference();
    const auto loss = [&] { return losses_of(r.out(), r.g); };
    dq.check(derivative(r.q.x, loss), tolerance);
    dk.check(derivative(r.k.x, loss), tolerance);
    dv.check(derivative(r.v, loss), tolerance);
    if (!r.has_scales) return;
    const auto of_rows = [&](const Table& slope) { return scale_rows == T ? slope : summed(slope); };
    dquery_scale.check(of_rows(derivative(r.q.scale, loss)), tolerance);
    dkey_scale.check(of_rows(derivative(r.k.scale, loss)), tolerance);
  }

  int64_t T, H, D;
  OwnedBlock q, k, v, query_scale, key_scale, edges, out, g, scratch;
  std::vector<float> rotation;
  Attention p;
};

}  // namespace

TEST_CASE("attention of the tile engine is that of float64", "[tile][attention]") {
  for_all_kernels(60, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(1, 40, random), H = draw(1, 3, random), D = draw(1, 12, random);
    CAPTURE(T, H, D);
    Case(T, H, D, random).check_forward(kernels);
  });
}

TEST_CASE("the gradients of attention are the derivatives of float64", "[tile][attention]") {
  for_all_kernels(30, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(1, 6, random), H = draw(1, 2, random), D = draw(1, 6, random);
    CAPTURE(T, H, D);
    Case(T, H, D, random).check_backward(kernels, random);
  });
}

TEST_CASE("the gradients of attention are right beyond one block of rows", "[tile][attention]") {
  for_all_kernels(6, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(15, 19, random), D = draw(1, 4, random);
    CAPTURE(T, D);
    Case(T, 1, D, random).check_backward(kernels, random);
  });
}
