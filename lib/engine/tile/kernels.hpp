// The arithmetic of the tile engine: raw pointers, no tensors, no LibTorch.
//
// A tile is `lanes` samples. A block holds T tokens of F features of each of them; one feature of one token
// is a cell: the numbers of all samples side by side, 64 bytes, one cache line. All loops run over whole
// cells, so that no width, head dimension or number of tokens leaves a remainder, and a sum over features
// needs no sum over lanes.
//
// The kernels are compiled once for each instruction set (kernels/kernels_*.cpp), and kernels() picks the
// widest that the processor has. What those files share with others must leave no function of its own behind
// (simd.hpp says why): functions here are always inlined, and no standard header but <cstdint> is included.
#pragma once

#include <cstdint>

namespace fluxsbi::engine::tile {

/// Samples of a tile.
inline constexpr int64_t lanes = 16;

/// [T, F] cells: feature f of token t of sample s is data[t * token + f * lanes + s]. `data` lies on 64
/// bytes.
template <class Number>
struct BlockOf {
  Number* data = nullptr;
  int64_t T = 0, F = 0;
  int64_t token = 0;  ///< numbers from one token to the next; 0: one token serves any number

  [[gnu::always_inline]] Number* at(int64_t t, int64_t f) const { return data + t * token + f * lanes; }
};
using In = BlockOf<const float>;
using Out = BlockOf<float>;

/// Where a gradient goes: written, or added to what stands there. No data: it is not wanted.
struct Gradient : Out {
  bool adds = false;
};

/// How the two factors of each product are rounded before they are multiplied; sums are of float32 always.
enum class Rounding {
  none,      ///< float32
  bfloat16,  ///< 8 bits: factors are off by up to 2^-9 of themselves
  /// Each factor is the sum of two bfloat16 numbers, its first 8 bits and the next ones; of the four products
  /// of these the smallest is left out. A product is off by about 2^-15 of itself at most (Henry et al. 2019,
  /// arXiv 1904.06376). Gradients of weights, which are sums over many samples, have factors of bfloat16.
  bfloat16x3,
};

/// Outputs of a product that are computed side by side. Weights in panels [ceil(F_out / panel)][F_in][panel]
/// hold W[o][i] at panel o / panel, place o % panel; those beyond F_out are zero.
inline constexpr int64_t panel = 8;

/// Rows of a matrix tile, and the numbers of bfloat16 in each.
inline constexpr int64_t tile_rows = 16, tile_depth = 32;

/// Weights in tiles are [ceil(F_out / tile_rows)][tiles][tile_rows][tile_depth]; what lies beyond F_out and
/// F_in is 0. A tile holds tile_depth numbers of the rows of W; with bfloat16x3 two tiles do, one of upper
/// parts and one of lower ones. There a rest of at most most_side_by_side numbers, made even by a 0, fills
/// fewer: its upper parts, its lower ones and its upper ones again follow each other in a row. Biases in
/// tiles are cells.
inline constexpr int64_t most_side_by_side = 20;
[[gnu::always_inline]] constexpr int64_t depth_tiles(Rounding rounding, int64_t F_in) {
  const int64_t full = F_in / tile_depth, rest = F_in % tile_depth;
  if (rounding != Rounding::bfloat16x3) return full + (rest > 0);
  if (rest > most_side_by_side) return 2 * (full + 1);
  return 2 * full + ((rest + 1) / 2 * 6 + tile_depth - 1) / tile_depth;
}

/// How the weights of a product are packed. Paired panels are panels [ceil(F_out / panel)][ceil(F_in / 2)]
/// [panel] of pairs of bfloat16 numbers, W[o][i] and W[o][i + 1], the first in the lower half of 32 bits; a
/// pair's second number beyond F_in is 0.
enum class Layout { panels, paired_panels, tiles };

/// out[t][o] (= or +=) bias[o] + sum_i W[o][i] x[t][i]. bias [F_out] may be null. With W packed transposed it
/// is also the gradient of x.
struct Product {
  In x;
  const float* weights;  ///< as ProductKernels::layout says
  const float* bias;     ///< numbers for panels, cells for tiles
  Gradient out;
  float* scratch;  ///< product_scratch(T, F_in) numbers on 64 bytes; null without rounding
};

/// gradient[r][c] (= or +=) sum over tokens and samples of rows[t][r] columns[t][c]: of W with the output's
/// gradient as rows and the input as columns, or of W transposed with the two exchanged. The kernel runs over
/// columns in vectors: the wider block belongs there.
struct WeightGradient {
  In rows, columns;
  float* gradient;  ///< [R][padded(C)]
  bool adds;
  float* scratch;  ///< weight_gradient_scratch(...) numbers on 64 bytes
};
/// Numbers of a row of a weight gradient: C rounded up to whole cells.
[[gnu::always_inline]] constexpr int64_t padded(int64_t columns) {
  return (columns + lanes - 1) / lanes * lanes;
}

/// Numbers of scratch memory for T tokens: room for the rounded factors, and for transposed columns.
[[gnu::always_inline]] constexpr int64_t product_scratch(Rounding rounding, int64_t T, int64_t F_in) {
  return rounding == Rounding::none ? 0 : T * lanes * tile_depth * depth_tiles(rounding, F_in);
}
[[gnu::always_inline]] constexpr int64_t weight_gradient_scratch(Rounding rounding, int64_t T, int64_t R,
                                                                 int64_t C) {
  const int64_t transposed = T * lanes * padded(C);
  return rounding == Rounding::none ? transposed : transposed + (T + 1) * lanes * (padded(R) + padded(C));
}

/// W [rows][columns] into weights of the layout tiles, or into those of its transpose.
struct WeightTiles {
  const float* W;
  int64_t rows, columns;
  float* tiles;    ///< weight_tiles_size(...) numbers on 64 bytes
  float* scratch;  ///< weight_tiles_scratch(...) numbers on 64 bytes
};
[[gnu::always_inline]] constexpr int64_t weight_tiles_size(Rounding rounding, int64_t F_out, int64_t F_in) {
  return (F_out + tile_rows - 1) / tile_rows * depth_tiles(rounding, F_in) * tile_rows * tile_depth / 2;
}
[[gnu::always_inline]] constexpr int64_t weight_tiles_scratch(Rounding rounding, int64_t F_in) {
  return tile_rows * tile_depth / 2 * depth_tiles(rounding, F_in);
}

/// `count` panels of F_in inputs into paired ones, in their place.
struct PanelsToPair {
  float* panels;
  int64_t count, F_in;
};

/// Products with factors rounded in one way.
struct ProductKernels {
  Layout layout;
  Rounding factors, gradient_factors;  ///< of product and of weight_gradient
  void (*product)(const Product&);
  void (*weight_gradient)(const WeightGradient&);
  /// Null but for tiles; Weights packs panels.
  void (*pack_tiles)(const WeightTiles&) = nullptr;
  void (*pack_transposed_tiles)(const WeightTiles&) = nullptr;
  /// Null but for paired panels.
  void (*pair_panels)(const PanelsToPair&) = nullptr;

  /// The block that a weight gradient is fastest with as its columns: the wider one spreads over vectors, and
  /// the narrower one is cheaper to transpose for tiles.
  constexpr bool wants_wide_columns() const { return layout != Layout::tiles; }
};

/// sums[f] (= or +=) the sum of x[t][f] over tokens and samples
struct LaneSum {
  In x;
  float* sums;
  bool adds;
};

/// out = (1 + scale) (x - mean) / sqrt(variance + eps) + shift, mean and variance over the F features of a
/// token (layer norm, Ba et al. 2016, modulated as in Peebles and Xie 2022). shift, scale [1 or T, F].
struct Norm {
  In x, shift, scale;
  Out out;
  Out statistics;  ///< [T, 2]: mean, 1 / sqrt(variance + eps)
  float eps;
};
/// Gradients of shift and scale [1, F] are sums over tokens.
struct NormBackward {
  In x, scale, statistics, out_gradient;
  Gradient x_gradient, shift_gradient, scale_gradient;
};

/// out = x + gate y. gate [1, F] serves all tokens.
struct Gate {
  In x, gate, y;
  Out out;
};
struct GateBackward {
  In gate, y, out_gradient;
  Gradient x_gradient, gate_gradient, y_gradient;
};

/// out = f(x)
struct Unary {
  In x;
  Out out;
};
struct UnaryBackward {
  In x, out_gradient;
  Gradient x_gradient;
};

/// out = [cos(a_k), sin(a_k)] in features k and K + k, a_k = (factor t) frequency[k], rounded in this order;
/// t [T, 1], frequency [1, K]. Features from out.F on are left out.
struct Sinusoid {
  In t, frequency;
  float factor;
  Out out;
};
struct SinusoidBackward {
  In t, frequency;
  float factor;
  In out_gradient;
  Gradient t_gradient, frequency_gradient;
};

/// out = softmax(q k^T / sqrt(D)) v head by head; q, k, v, out [T, H D].
/// With scales, q and k are first divided by the root mean square of their head and multiplied by
/// query_scale, key_scale [T, D]; then, with a rotation, the pairs (2j, 2j + 1) of a head turn by the angle
/// whose cosine and sine stand there (RoPE).
struct Attention {
  int64_t H = 0, D = 0;
  float eps = 0;
  In q, k, v;
  In query_scale, key_scale;        ///< [T, D]; no data: no norm
  const float* rotation = nullptr;  ///< [T, D] numbers: cosine, sine of each pair; null: none
  In edges;  ///< [T, T]: 1 where the token of the row may attend to that of the column, else 0; no data: all
};
struct AttentionForward : Attention {
  Out out;
  float* scratch;  ///< attention_scratch(T, D) numbers on 64 bytes
};
/// Probabilities are computed again, which is cheaper than to keep them.
struct AttentionBackward : Attention {
  In out_gradient;
  Gradient q_gradient, k_gradient, v_gradient;
  Gradient query_scale_gradient, key_scale_gradient;  ///< [T, D]
  float* scratch;                                     ///< attention_scratch(T, D) numbers on 64 bytes
};
/// Numbers of scratch memory that attention over T tokens with heads of D features needs.
[[gnu::always_inline]] constexpr int64_t attention_scratch(int64_t T, int64_t D) {
  return lanes * (8 * T * D + 4 * T + D);
}

struct Kernels {
  const char* name;
  const char* instructions;  ///< of all but rounded products
  const char* rounded_by;    ///< what multiplies bfloat16 numbers, for the log; "" where it is emulated
  ProductKernels exact, bfloat16, bfloat16x3;
  void (*lane_sum)(const LaneSum&);
  void (*norm)(const Norm&);
  void (*norm_backward)(const NormBackward&);
  void (*gate)(const Gate&);
  void (*gate_backward)(const GateBackward&);
  void (*gelu)(const Unary&);  ///< x Phi(x), the tanh form
  void (*gelu_backward)(const UnaryBackward&);
  void (*silu)(const Unary&);  ///< x / (1 + e^-x)
  void (*silu_backward)(const UnaryBackward&);
  void (*sinusoid)(const Sinusoid&);
  void (*sinusoid_backward)(const SinusoidBackward&);
  void (*attention)(const AttentionForward&);
  void (*attention_backward)(const AttentionBackward&);

  const ProductKernels& products(Rounding rounding) const {
    return rounding == Rounding::none ? exact : rounding == Rounding::bfloat16 ? bfloat16 : bfloat16x3;
  }
  /// True where the processor multiplies bfloat16 numbers itself, and so faster.
  bool gains_by_rounding() const { return bfloat16.layout != Layout::panels; }
};

/// The widest kernels that this processor gains by, or those that the environment variable FLUXSBI_KERNELS
/// names: portable, avx2, avx512, avx512bf16 or amx. UserError where this processor or build lacks them. The
/// last two are those of avx512 but for rounded products, which matrix tiles and the instructions for pairs
/// of bfloat16 numbers compute. With avx512bf16 the gradients of bfloat16x3 alone are rounded. Elsewhere
/// bfloat16 is emulated, and bfloat16x3 runs the exact products.
const Kernels& kernels();

/// The table of one instruction set by name; null where this build or processor lacks it. For tests.
const Kernels* kernels_named(const char* name);

}  // namespace fluxsbi::engine::tile
