// Diffusion's paths as the solvers take them.
#include <cmath>

#include <ATen/Functions.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "method/diffusion.hpp"
#include "sample/solver/stepper.hpp"
#include "support/catch.hpp"
#include "support/diffusion.hpp"

using namespace fluxsbi;
using Catch::Approx;
using test::diffusion;
using test::some_network;

namespace {

// float32 sums of a few terms of order one
constexpr double float_tolerance = 1e-5;

}  // namespace

TEST_CASE("the grid falls from the most noise to the least, above the data", "[sample][solver][edm]") {
  const auto path = diffusion(GENERATE("edm", "vp", "ve")).path();
  const sample::PathEquation equation(*path, some_network);
  for (const int64_t steps : {1, 2, 18}) {
    const auto times = sample::grid(equation, steps);
    REQUIRE(times.size() == static_cast<size_t>(steps + 1));
    CHECK(times.front() == path->start());
    CHECK(times.back() == path->end());
    for (size_t i = 1; i < times.size(); ++i) CHECK(times[i] < times[i - 1]);
  }
}

TEST_CASE("edm's step to the data is the denoiser at the least noise level", "[sample][solver][edm]") {
  const auto path = diffusion("edm").path();
  const at::Tensor x = at::randn({4, 3, 1});
  // D(x; sigma) = (x + sigma root F(x / root; ln(sigma) / 4) ) / (sigma^2 + 1) with root = sqrt(sigma^2 + 1)
  const double sigma = 0.002, root = std::sqrt(sigma * sigma + 1);
  const at::Tensor output = some_network(at::full({4}, std::log(sigma) / 4), x / root, {});
  const at::Tensor clean = (x + sigma * root * output) / (root * root);
  const at::Tensor end = sample::euler_step_to_data(sample::PathEquation(*path, some_network), x);
  CHECK((end - clean).abs().max().item<double>() < float_tolerance);
}

TEST_CASE("a time that all rows share reaches the network as one", "[sample][solver][edm]") {
  int64_t times = 0;
  const auto path = diffusion("edm").path();
  const sample::PathEquation equation(*path,
                                      [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
                                        times = t.size(0);
                                        return x;
                                      });
  const at::Tensor x = at::randn({4, 3, 1});
  const at::Tensor once = equation.slope(at::full({1}, 0.5f), x, {});
  CHECK(times == 1);
  CHECK(equation.slope(at::full({4}, 0.5f), x, {}).equal(once));
  CHECK(times == 4);
}
