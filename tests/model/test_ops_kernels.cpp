// The fused kernels against the plain tensor operations beside them, in float64.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "model/ops/kernels.hpp"

using namespace fluxsbi::model::ops;

namespace {

std::vector<float> exp_of(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels().exp(x.data(), y.data(), static_cast<int64_t>(x.size()));
  return y;
}

float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// e^r by a polynomial: rounding of its last terms and of n ln 2, 1.3 units in the last place where it was
// measured.
constexpr double exp_units = 2.0;

}  // namespace

TEST_CASE("the kernels' exponential is exact to two units in the last place over its whole range",
          "[model][ops]") {
  std::vector<float> x;
  constexpr uint32_t stride = 509;  // a prime: the low bits of the numbers tried vary
  for (uint32_t bits = 0; bits < 0x42C00000U; bits += stride) {  // 0 .. 96
    x.push_back(from_bits(bits));
    x.push_back(-from_bits(bits));
  }
  const auto y = exp_of(x);
  double worst = 0, worst_denormal = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double truth = std::exp(static_cast<double>(x[i]));
    if (truth > std::numeric_limits<float>::max()) continue;
    const double error = std::abs(y[i] - truth);
    if (truth >= std::numeric_limits<float>::min()) {
      worst = std::max(worst, error / (truth * std::numeric_limits<float>::epsilon()));
    } else {
      worst_denormal = std::max(worst_denormal, error / std::numeric_limits<float>::denorm_min());
    }
  }
  CAPTURE(kernels().name);
  CHECK(worst <= exp_units);
  CHECK(worst_denormal <= 1.0);
}

TEST_CASE("the kernels' exponential keeps infinity, zero and NaN", "[model][ops]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{infinity, -infinity, 89.0F,
                             3e38F,    -110.0F,   -3e38F,
                             0.0F,     -0.0F,     std::numeric_limits<float>::quiet_NaN()};
  const auto y = exp_of(x);
  CHECK(y[0] == infinity);
  CHECK(y[1] == 0);
  CHECK(y[2] == infinity);
  CHECK(y[3] == infinity);
  CHECK(y[4] == 0);
  CHECK(y[5] == 0);
  CHECK(y[6] == 1);
  CHECK(y[7] == 1);
  CHECK(std::isnan(y[8]));
}
