// Products of the tile engine against plain sums in float64.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "engine/tile/numbers.hpp"
#include "tile/blocks.hpp"

using namespace fluxsbi::engine::tile;

namespace {

constexpr int cases = 150;
// each factor is rounded anew for each term, in float64
constexpr int rounded_cases = 50;

int64_t between(int64_t low, int64_t high, std::mt19937& random) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

std::vector<float> normal_numbers(int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(random);
  return numbers;
}

// A sum in float64, and how far one in float32 may lie from it in any order: n terms, each rounded at most
// once as a product and n times in sums, are off by less than (n + 1) epsilon times the sum of their absolute
// values (Higham 2002, section 4.2). AMX and AVX512-BF16 say no more of their order than that pairs are added
// first, and round each sum to the nearest; what they also do, take numbers below 2^-126 for 0, needs no
// allowance here: factors are of the order of 1.
struct Sum {
  double value = 0, absolute = 0;
  int64_t terms = 0;

  void add(double term) {
    value += term;
    absolute += std::abs(term);
    ++terms;
  }
  bool is(float number) const {
    constexpr double epsilon = std::numeric_limits<float>::epsilon();
    return std::abs(number - value) <= static_cast<double>(terms + 1) * epsilon * absolute;
  }
};

// What a factor is rounded to. bfloat16: the nearest number of 8 bits, ties to even. bfloat16x3: its first 8
// bits, and what these leave to the nearest number of 8 bits, ties away from zero.
std::vector<double> parts_of(double x, Rounding rounding) {
  if (rounding == Rounding::none) return {x};
  const auto to_8_bits = [](double number, double (*round)(double)) {
    int exponent = 0;
    const double fraction = std::frexp(number, &exponent);
    return std::ldexp(round(std::ldexp(fraction, 8)), exponent - 8);
  };
  if (rounding == Rounding::bfloat16) return {to_8_bits(x, std::nearbyint)};
  const double upper = to_8_bits(x, std::trunc);
  return {upper, to_8_bits(x - upper, std::round)};
}

// The terms of a product of two factors that are rounded first.
void add_product(Sum& sum, double a, double b, Rounding rounding) {
  const auto left = parts_of(a, rounding), right = parts_of(b, rounding);
  for (size_t i = 0; i < left.size(); ++i)
    for (size_t j = 0; i + j < left.size(); ++j) sum.add(left[i] * right[j]);
}

// W [F_out][F_in] in tiles, as kernels.hpp says.
Numbers in_tiles(const std::vector<float>& W, int64_t F_out, int64_t F_in, Rounding rounding) {
  const bool both = rounding == Rounding::bfloat16x3;
  const bool side_by_side = F_in % tile_depth <= most_side_by_side;
  const int64_t whole = side_by_side ? F_in / tile_depth * tile_depth : F_in,
                rest = (F_in - whole + 1) / 2 * 2;
  Numbers tiles(weight_tiles_size(rounding, F_out, F_in));
  for (int64_t o = 0; o < F_out; ++o) {
    for (int64_t i = 0; i < F_in; ++i) {
      // k: place in the row, tile after tile
      const auto put = [&](int64_t k, double number) {
        const int64_t tile = o / tile_rows * depth_tiles(rounding, F_in) + k / tile_depth,
                      place = (tile * tile_rows + o % tile_rows) * tile_depth + k % tile_depth;
        const auto bits = std::bit_cast<uint32_t>(static_cast<float>(number)) >> 16;
        reinterpret_cast<uint16_t*>(tiles.data())[place] = static_cast<uint16_t>(bits);
      };
      const auto numbers = parts_of(W[o * F_in + i], rounding);
      if (!both) {
        put(i, numbers[0]);
      } else if (i < whole) {
        put(i + i / tile_depth * tile_depth, numbers[0]);
        put(i + (i / tile_depth + 1) * tile_depth, numbers[1]);
      } else {
        put(whole + i, numbers[0]);
        put(whole + i + rest, numbers[1]);
        put(whole + i + 2 * rest, numbers[0]);
      }
    }
  }
  return tiles;
}

// W [F_out][F_in] in panels, as kernels.hpp says.
Numbers packed(const std::vector<float>& W, int64_t F_out, int64_t F_in) {
  Numbers panels((F_out + panel - 1) / panel * F_in * panel);
  for (int64_t o = 0; o < F_out; ++o)
    for (int64_t i = 0; i < F_in; ++i) panels[(o / panel * F_in + i) * panel + o % panel] = W[o * F_in + i];
  return panels;
}

// Numbers that a product got wrong, those it should not have touched among them.
int64_t wrong_in_product(const Kernels& kernels, std::mt19937& random, Rounding rounding) {
  const ProductKernels& products = kernels.products(rounding);
  rounding = products.factors;
  const int64_t T = between(1, 9, random), F_in = between(1, 70, random), F_out = between(1, 40, random);
  const bool biased = between(0, 1, random), adds = between(0, 1, random),
             shared = between(0, 3, random) == 0;
  const OwnedBlock x(shared ? 1 : T, F_in, between(0, 3, random), random);
  OwnedBlock out(T, F_out, between(0, 3, random), random);
  const std::vector<float> before(out.memory.get(), out.memory.get() + out.size);
  const bool tiles = products.layout == Layout::tiles;
  const auto W = normal_numbers(F_out * F_in, random), bias = normal_numbers(F_out, random);
  auto weights = tiles ? in_tiles(W, F_out, F_in, rounding) : packed(W, F_out, F_in);
  if (products.layout == Layout::paired_panels) {
    products.pair_panels({weights.data(), (F_out + panel - 1) / panel, F_in});
  } else if (!tiles) {
    for (float& weight : weights) weight = static_cast<float>(parts_of(weight, rounding)[0]);
  }
  Numbers bias_cells(tiles ? padded(F_out) * lanes : F_out);
  for (int64_t i = 0; i < (tiles ? F_out * lanes : F_out); ++i) bias_cells[i] = bias[tiles ? i / lanes : i];
  OwnedBlock scratch(1, product_scratch(rounding, T, F_in) / lanes + 1, 0, random);
  const In x_in = {x.memory.get(), T, F_in, shared ? 0 : x.token};
  products.product(
      {x_in, weights.data(), biased ? bias_cells.data() : nullptr, {out.out(), adds}, scratch.memory.get()});
  int64_t wrong = 0;
  for (int64_t n = 0; n < out.size; ++n) {
    const int64_t t = n / out.token, o = n % out.token / lanes, s = n % lanes;
    if (o >= F_out) {
      wrong += out.memory[n] != before[n];
      continue;
    }
    Sum sum;
    if (adds) sum.add(before[n]);
    if (biased) sum.add(bias[o]);
    for (int64_t i = 0; i < F_in; ++i)
      add_product(sum, W[o * F_in + i], x.at(shared ? 0 : t, i, s), rounding);
    wrong += !sum.is(out.memory[n]);
  }
  return wrong;
}

int64_t wrong_in_weight_gradient(const Kernels& kernels, std::mt19937& random, Rounding rounding) {
  const ProductKernels& products = kernels.products(rounding);
  rounding = products.gradient_factors;
  const int64_t T = between(1, 9, random), R = between(1, 40, random), C = between(1, 120, random);
  const bool adds = between(0, 1, random), shared = between(0, 3, random) == 0;
  const OwnedBlock rows(T, R, between(0, 3, random), random);
  const OwnedBlock columns(shared ? 1 : T, C, between(0, 3, random), random);
  const auto before = normal_numbers(R * padded(C), random);
  Numbers gradient(before.begin(), before.end());
  OwnedBlock scratch(1, weight_gradient_scratch(rounding, T, R, C) / lanes, 0, random);
  const In columns_in = {columns.memory.get(), columns.T, C, shared ? 0 : columns.token};
  products.weight_gradient({rows.in(), columns_in, gradient.data(), adds, scratch.memory.get()});
  int64_t wrong = 0;
  for (int64_t n = 0; n < R * padded(C); ++n) {
    const int64_t r = n / padded(C), c = n % padded(C);
    Sum sum;
    if (adds) sum.add(before[n]);
    for (int64_t t = 0; t < T && c < C; ++t)
      for (int64_t s = 0; s < lanes; ++s)
        add_product(sum, rows.at(t, r, s), columns.at(shared ? 0 : t, c, s), rounding);
    wrong += !sum.is(gradient[n]);
  }
  return wrong;
}

int64_t wrong_in_lane_sum(const Kernels& kernels, std::mt19937& random) {
  const int64_t T = between(1, 9, random), F = between(1, 40, random);
  const bool adds = between(0, 1, random);
  const OwnedBlock x(T, F, between(0, 3, random), random);
  auto sums = normal_numbers(F, random);
  const auto before = sums;
  kernels.lane_sum({x.in(), sums.data(), adds});
  int64_t wrong = 0;
  for (int64_t f = 0; f < F; ++f) {
    Sum sum;
    if (adds) sum.add(before[f]);
    for (int64_t t = 0; t < T; ++t)
      for (int64_t s = 0; s < lanes; ++s) sum.add(x.at(t, f, s));
    wrong += !sum.is(sums[f]);
  }
  return wrong;
}

template <class Wrong>
void check_cases(Wrong wrong_in, int count = cases) {
  const auto* name = GENERATE("portable", "avx2", "avx512", "avx512bf16", "amx");
  const Kernels* kernels = kernels_named(name);
  if (!kernels) SKIP("this processor or build lacks " << name);
  std::mt19937 random(7);
  for (int i = 0; i < count; ++i) {
    CAPTURE(name, i);
    REQUIRE(wrong_in(*kernels, random) == 0);
  }
}

}  // namespace

TEST_CASE("the tables of kernels go by their names", "[tile]") {
  REQUIRE(kernels_named("portable"));
  CHECK(std::string_view(kernels_named("portable")->name) == "portable");
  CHECK(kernels_named(kernels().name) == &kernels());
  CHECK_FALSE(kernels_named("sse9"));
}

TEST_CASE("a product is the sum over inputs and writes its outputs alone", "[tile][product]") {
  const auto rounding = GENERATE(Rounding::none, Rounding::bfloat16, Rounding::bfloat16x3);
  check_cases([&](const Kernels& kernels,
                  std::mt19937& random) { return wrong_in_product(kernels, random, rounding); },
              rounding == Rounding::none ? cases : rounded_cases);
}

TEST_CASE("a weight gradient is the sum over tokens and samples, with zeros in its padding",
          "[tile][product]") {
  const auto rounding = GENERATE(Rounding::none, Rounding::bfloat16, Rounding::bfloat16x3);
  check_cases([&](const Kernels& kernels,
                  std::mt19937& random) { return wrong_in_weight_gradient(kernels, random, rounding); },
              rounding == Rounding::none ? cases : rounded_cases);
}

TEST_CASE("weights in tiles stand where the kernels' page says, and those of the transpose",
          "[tile][product]") {
  const Kernels* kernels = kernels_named("amx");
  if (!kernels) SKIP("this processor or build lacks amx");
  const auto rounding = GENERATE(Rounding::bfloat16, Rounding::bfloat16x3);
  std::mt19937 random(7);
  for (int i = 0; i < cases; ++i) {
    const int64_t rows = between(1, 90, random), columns = between(1, 90, random);
    const auto W = normal_numbers(rows * columns, random);
    std::vector<float> turned(W.size());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) turned[c * rows + r] = W[r * columns + c];
    // what stood there before must go
    Numbers forward(weight_tiles_size(rounding, rows, columns), 7),
        backward(weight_tiles_size(rounding, columns, rows), 7),
        scratch(std::max(weight_tiles_scratch(rounding, columns), weight_tiles_scratch(rounding, rows)), 7);
    const ProductKernels& products = kernels->products(rounding);
    products.pack_tiles({W.data(), rows, columns, forward.data(), scratch.data()});
    products.pack_transposed_tiles({W.data(), rows, columns, backward.data(), scratch.data()});
    CAPTURE(i, rows, columns);
    REQUIRE(forward == in_tiles(W, rows, columns, rounding));
    REQUIRE(backward == in_tiles(turned, columns, rows, rounding));
  }
}

TEST_CASE("rounded products by AVX512-BF16 take numbers below 2^-126 for 0, and keep NaN and infinity",
          "[tile][product]") {
  const Kernels* kernels = kernels_named("avx512bf16");
  if (!kernels) SKIP("this processor or build lacks avx512bf16");
  constexpr float smallest = std::numeric_limits<float>::min(),
                  infinity = std::numeric_limits<float>::infinity();
  std::mt19937 random(7);
  OwnedBlock x(1, 2, 0, random), out(1, 1, 0, random), scratch(1, 64, 0, random);
  const auto product = [&](float first, float second) {
    Numbers weights(2 * panel, 1);
    kernels->bfloat16.pair_panels({weights.data(), 1, 2});
    std::fill_n(x.memory.get(), lanes, first);
    std::fill_n(x.memory.get() + lanes, lanes, second);
    kernels->bfloat16.product({x.in(), weights.data(), nullptr, {out.out(), false}, scratch.memory.get()});
    return out.memory[0];
  };
  CHECK(product(2, 3) == 5);
  CHECK(product(smallest / 2, 0) == 0);
  CHECK(product(smallest / 2, 3) == 3);
  CHECK(product(smallest, 0) == smallest);
  CHECK(product(infinity, 3) == infinity);
  CHECK(std::isnan(product(infinity, -infinity)));
  CHECK(std::isnan(product(3, std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("panels are paired in their place, the last input of an odd number with 0", "[tile][product]") {
  const Kernels* kernels = kernels_named("avx512bf16");
  if (!kernels) SKIP("this processor or build lacks avx512bf16");
  std::mt19937 random(7);
  for (int i = 0; i < cases; ++i) {
    const int64_t count = between(1, 5, random), F_in = between(1, 70, random), pairs = (F_in + 1) / 2;
    const auto numbers = normal_numbers(count * F_in * panel, random);
    Numbers panels(numbers.begin(), numbers.end());
    kernels->bfloat16.pair_panels({panels.data(), count, F_in});
    const auto* halves = reinterpret_cast<const uint16_t*>(panels.data());
    CAPTURE(i, count, F_in);
    for (int64_t n = 0; n < count * pairs * panel * 2; ++n) {
      const int64_t p = n / 2 / panel / pairs, input = n / 2 / panel % pairs * 2 + n % 2, k = n / 2 % panel;
      const double expected =
          input < F_in ? parts_of(numbers[(p * F_in + input) * panel + k], Rounding::bfloat16)[0] : 0;
      REQUIRE(std::bit_cast<float>(uint32_t{halves[n]} << 16) == expected);
    }
  }
}

TEST_CASE("a lane sum is the sum over tokens and samples", "[tile][product]") {
  check_cases(wrong_in_lane_sum);
}
