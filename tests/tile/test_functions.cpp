// The functions inside the tile engine's kernels over the whole range of float32.
#include <bit>
#include <limits>

#include "tile/reference.hpp"

using namespace fluxsbi::engine::tile;

namespace {

// Numbers a call, in one block.
constexpr int64_t F = 64, call = F * lanes;
using Numbers = std::vector<float>;

// Every 4,093rd float32 of those in [low, high], 0 and both ends included.
Numbers floats_between(float low, float high) {
  Numbers x{0.0F, -0.0F, low, high};
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4093) {
    const auto number = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (number >= low && number <= high) x.push_back(number);
  }
  return x;
}
Numbers all_floats() {
  constexpr float highest = std::numeric_limits<float>::max();
  return floats_between(-highest, highest);
}

// f over all numbers, `call` at a time; evaluate(in, out) is given [1, F] blocks.
template <class Evaluate>
Numbers values(Numbers x, const Evaluate& evaluate) {
  const size_t count = x.size();
  x.resize((count + call - 1) / call * call);
  std::mt19937 random;
  OwnedBlock in(1, F, 0, random), out(1, F, 0, random);
  Numbers y;
  for (size_t i = 0; i < x.size(); i += call) {
    std::copy_n(x.begin() + static_cast<int64_t>(i), call, in.memory.get());
    evaluate(in, out);
    y.insert(y.end(), out.memory.get(), out.memory.get() + call);
  }
  y.resize(count);
  return y;
}

Numbers activation(const Numbers& x, void (*kernel)(const Unary&)) {
  return values(x, [&](const OwnedBlock& in, OwnedBlock& out) { kernel({in.in(), out.out()}); });
}
Numbers slope(const Numbers& x, void (*kernel)(const UnaryBackward&)) {
  std::mt19937 random;
  OwnedBlock ones(1, F, 0, random);
  std::fill_n(ones.memory.get(), call, 1.0F);
  return values(x, [&](const OwnedBlock& in, OwnedBlock& out) {
    kernel({in.in(), ones.in(), {out.out(), false}});
  });
}
// Feature 0 (cosine) or 1 (sine) of angles x.
Numbers circular(const Numbers& x, const Kernels& kernels, int64_t feature) {
  std::mt19937 random;
  OwnedBlock one(1, 1, 0, random), both(1, 2 * F, 0, random);
  std::fill_n(one.memory.get(), lanes, 1.0F);
  return values(x, [&](const OwnedBlock& in, OwnedBlock& out) {
    kernels.sinusoid({one.in(), in.in(), 1.0F, both.out()});
    std::copy_n(both.memory.get() + feature * call, call, out.memory.get());
  });
}
// Two tokens of scores 0 and x <= 0, of values 0 and 1: e^x / (1 + e^x), one head a number.
Numbers share(const Numbers& x, const Kernels& kernels) {
  std::mt19937 random;
  OwnedBlock q(2, F, 0, random), k(2, F, 0, random), out_rows(2, F, 0, random);
  std::vector<float> scratch(attention_scratch(2, 1) + lanes);
  auto* aligned = scratch.data();
  while (reinterpret_cast<uintptr_t>(aligned) % 64 != 0) ++aligned;
  std::fill_n(k.memory.get(), call, 0.0F);
  std::fill_n(k.memory.get() + call, call, 1.0F);
  return values(x, [&](const OwnedBlock& in, OwnedBlock& out) {
    for (int64_t t = 0; t < 2; ++t) std::copy_n(in.memory.get(), call, q.memory.get() + t * call);
    AttentionForward p{};
    p.H = F, p.D = 1, p.q = q.in(), p.k = k.in(), p.v = k.in(), p.out = out_rows.out(), p.scratch = aligned;
    kernels.attention(p);
    std::copy_n(out_rows.memory.get(), call, out.memory.get());
  });
}

// The greatest |y - exact(x)| / max(floor, |exact(x)|).
template <class Exact>
double greatest_error(const Numbers& x, const Numbers& y, double floor, const Exact& exact) {
  double greatest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double wanted = exact(static_cast<double>(x[i]));
    const double error = std::abs(y[i] - wanted) / std::max(floor, std::abs(wanted));
    if (std::isnan(error)) return INFINITY;
    greatest = std::max(greatest, error);
  }
  return greatest;
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double gelu_angle(double x) {
  return 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}
double exact_gelu(double x) {
  return x * sigmoid(gelu_angle(x));
}
double exact_gelu_slope(double x) {
  if (std::abs(x) > 30) return x > 0;
  const double u = gelu_angle(x), inner = 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
  return sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * inner;
}
double exact_silu(double x) {
  return x * sigmoid(x);
}
double exact_silu_slope(double x) {
  if (std::abs(x) > 1000) return x > 0;
  return sigmoid(x) + x * sigmoid(x) * sigmoid(-x);
}

constexpr float infinity = std::numeric_limits<float>::infinity(),
                nan_ = std::numeric_limits<float>::quiet_NaN();
constexpr double smallest = std::numeric_limits<float>::min();

}  // namespace

// The bounds below are those that functions.inl states, a quarter or so above what is measured.
TEST_CASE("e^x of the tile engine's softmax is right to a few digits of float32", "[tile][functions]") {
  const Numbers x = floats_between(-87.0F, 0.0F), below = floats_between(-1e30F, -87.0F);
  for_all_kernels(1, [&](const Kernels& kernels, std::mt19937&) {
    CHECK(greatest_error(x, share(x, kernels), smallest, sigmoid) < 2.2e-7);
    CHECK(greatest_error(below, share(below, kernels), 1, sigmoid) < 1.7e-38);
  });
}

TEST_CASE("gelu and its slope are right over all of float32", "[tile][functions]") {
  const Numbers x = all_floats(), small = floats_between(-1.0F, 1.0F);
  for_all_kernels(1, [&](const Kernels& kernels, std::mt19937&) {
    CHECK(greatest_error(x, activation(x, kernels.gelu), 1, exact_gelu) < 1.5e-7);
    CHECK(greatest_error(small, activation(small, kernels.gelu), smallest, exact_gelu) < 2.5e-7);
    CHECK(greatest_error(x, slope(x, kernels.gelu_backward), 1, exact_gelu_slope) < 2.5e-7);
  });
}

TEST_CASE("silu and its slope are right over all of float32", "[tile][functions]") {
  const Numbers x = all_floats(), normal = floats_between(-87.0F, 1e38F),
                below = floats_between(-1e38F, -87.0F);
  for_all_kernels(1, [&](const Kernels& kernels, std::mt19937&) {
    CHECK(greatest_error(normal, activation(normal, kernels.silu), smallest, exact_silu) < 2.2e-7);
    CHECK(greatest_error(below, activation(below, kernels.silu), 1, exact_silu) < 2e-36);
    CHECK(greatest_error(x, slope(x, kernels.silu_backward), 1, exact_silu_slope) < 2.5e-7);
  });
}

TEST_CASE("cosine and sine are right over all of float32", "[tile][functions]") {
  const Numbers x = all_floats();
  for_all_kernels(1, [&](const Kernels& kernels, std::mt19937&) {
    CHECK(greatest_error(x, circular(x, kernels, 0), 1, [](double a) { return std::cos(a); }) < 9e-8);
    CHECK(greatest_error(x, circular(x, kernels, 1), 1, [](double a) { return std::sin(a); }) < 9e-8);
  });
}

TEST_CASE("functions of infinity are their limits, of NaN they are NaN", "[tile][functions]") {
  // NaN with its last bits set too, which the exponent of e^x must not be taken from
  const Numbers x{infinity, -infinity, nan_, std::bit_cast<float>(0x7fc00001), 1.0F};
  for_all_kernels(1, [&](const Kernels& kernels, std::mt19937&) {
    const auto limits = [&](const Numbers& y, float above, float below) {
      CHECK(y[0] == above);
      CHECK(std::abs(y[1] - below) < 1e-30F);
      CHECK(std::isnan(y[2]));
      CHECK(std::isnan(y[3]));
      CHECK(std::isfinite(y[4]));  // one lane does not spoil another
    };
    limits(activation(x, kernels.gelu), infinity, 0.0F);
    limits(activation(x, kernels.silu), infinity, 0.0F);
    limits(slope(x, kernels.gelu_backward), 1.0F, 0.0F);
    limits(slope(x, kernels.silu_backward), 1.0F, 0.0F);
    for (int64_t feature : {0, 1}) {
      const Numbers y = circular(x, kernels, feature);
      for (const size_t i : {0, 1, 2, 3}) CHECK(std::isnan(y[i]));
      CHECK(std::isfinite(y[4]));
    }
    CHECK(std::isnan(share({nan_}, kernels)[0]));
    CHECK(share({-infinity, -1e30F}, kernels)[1] == 0.0F);
  });
}
