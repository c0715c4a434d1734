// Products of the tile engine against plain sums in float64.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tile/blocks.hpp"

using namespace fluxsbi::engine::tile;

namespace {

constexpr int cases = 150;

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
// values (Higham 2002, section 4.2).
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

// W [F_out][F_in] in panels, as kernels.hpp says.
std::vector<float> packed(const std::vector<float>& W, int64_t F_out, int64_t F_in) {
  std::vector<float> panels((F_out + panel - 1) / panel * F_in * panel);
  for (int64_t o = 0; o < F_out; ++o)
    for (int64_t i = 0; i < F_in; ++i) panels[(o / panel * F_in + i) * panel + o % panel] = W[o * F_in + i];
  return panels;
}

// Numbers that a product got wrong, those it should not have touched among them.
int64_t wrong_in_product(const Kernels& kernels, std::mt19937& random) {
  const int64_t T = between(1, 9, random), F_in = between(1, 70, random), F_out = between(1, 40, random);
  const bool biased = between(0, 1, random), adds = between(0, 1, random),
             shared = between(0, 3, random) == 0;
  const OwnedBlock x(shared ? 1 : T, F_in, between(0, 3, random), random);
  OwnedBlock out(T, F_out, between(0, 3, random), random);
  const std::vector<float> before(out.memory.get(), out.memory.get() + out.size);
  const auto W = normal_numbers(F_out * F_in, random), weights = packed(W, F_out, F_in),
             bias = normal_numbers(F_out, random);
  const In x_in = {x.memory.get(), T, F_in, shared ? 0 : x.token};
  kernels.product({x_in, weights.data(), biased ? bias.data() : nullptr, {out.out(), adds}});
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
    for (int64_t i = 0; i < F_in; ++i) sum.add(double{W[o * F_in + i]} * x.at(shared ? 0 : t, i, s));
    wrong += !sum.is(out.memory[n]);
  }
  return wrong;
}

int64_t wrong_in_weight_gradient(const Kernels& kernels, std::mt19937& random) {
  const int64_t T = between(1, 9, random), R = between(1, 40, random), C = between(1, 120, random);
  const bool adds = between(0, 1, random), shared = between(0, 3, random) == 0;
  const OwnedBlock rows(T, R, between(0, 3, random), random);
  const OwnedBlock columns(shared ? 1 : T, C, between(0, 3, random), random);
  auto gradient = normal_numbers(R * padded(C), random);
  const auto before = gradient;
  std::vector<float> scratch(T * lanes * padded(C));
  const In columns_in = {columns.memory.get(), columns.T, C, shared ? 0 : columns.token};
  kernels.weight_gradient({rows.in(), columns_in, gradient.data(), adds, scratch.data()});
  int64_t wrong = 0;
  for (int64_t n = 0; n < R * padded(C); ++n) {
    const int64_t r = n / padded(C), c = n % padded(C);
    Sum sum;
    if (adds) sum.add(before[n]);
    for (int64_t t = 0; t < T && c < C; ++t)
      for (int64_t s = 0; s < lanes; ++s) sum.add(rows.at(t, r, s) * columns.at(shared ? 0 : t, c, s));
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
void check_cases(Wrong wrong_in) {
  const auto* name = GENERATE("portable", "avx2", "avx512");
  const Kernels* kernels = kernels_named(name);
  if (!kernels) SKIP("this processor or build lacks " << name);
  std::mt19937 random(7);
  for (int i = 0; i < cases; ++i) {
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
  check_cases(wrong_in_product);
}

TEST_CASE("a weight gradient is the sum over tokens and samples, with zeros in its padding",
          "[tile][product]") {
  check_cases(wrong_in_weight_gradient);
}

TEST_CASE("a lane sum is the sum over tokens and samples", "[tile][product]") {
  check_cases(wrong_in_lane_sum);
}
