// Layer norm of the tile engine against float64.
#include "tile/reference.hpp"

using namespace fluxsbi::engine::tile;

namespace {

// Float32: sums over up to 40 features and 7 tokens, in units of the greatest number.
constexpr double tolerance = 1e-5;
// Large, so that central differences are good where features lie close together.
constexpr float eps = 0.1F;

Table normed(const Table& x, const Table& shift, const Table& scale) {
  Table out(x.T, x.F);
  for (int64_t t = 0; t < x.T; ++t) {
    for (int64_t s = 0; s < lanes; ++s) {
      double mean = 0, variance = 0;
      for (int64_t f = 0; f < x.F; ++f) mean += x.at(t, f, s) / static_cast<double>(x.F);
      for (int64_t f = 0; f < x.F; ++f) {
        variance += std::pow(x.at(t, f, s) - mean, 2) / static_cast<double>(x.F);
      }
      for (int64_t f = 0; f < x.F; ++f) {
        const double number = (x.at(t, f, s) - mean) / std::sqrt(variance + eps);
        out.at(t, f, s) = (1 + scale.of(t, f, s)) * number + shift.of(t, f, s);
      }
    }
  }
  return out;
}

struct Case {
  explicit Case(std::mt19937& random)
      : T(draw(1, 7, random)),
        F(draw(1, 40, random)),
        x(T, F, draw(0, 2, random), random),
        shift(draw(0, 1, random) ? T : 1, F, draw(0, 2, random), random),
        scale(draw(0, 1, random) ? T : 1, F, draw(0, 2, random), random),
        out(T, F, draw(0, 2, random), random),
        statistics(T, 2, draw(0, 1, random), random) {}

  void forward(const Kernels& kernels) {
    kernels.norm({x.in(), shift.in(), scale.in(), out.out(), statistics.out(), eps});
  }

  int64_t T, F;
  OwnedBlock x, shift, scale, out, statistics;
};

}  // namespace

TEST_CASE("the tile norm is that of float64", "[tile][norm]") {
  for_all_kernels(30, [](const Kernels& kernels, std::mt19937& random) {
    Case c(random);
    c.forward(kernels);
    CHECK(difference(normed(Table(c.x.in()), Table(c.shift.in()), Table(c.scale.in())), c.out.in()) <
          tolerance);
  });
}

TEST_CASE("the tile norm takes one row of shift and scale for all tokens by a step of 0", "[tile][norm]") {
  for_all_kernels(3, [](const Kernels& kernels, std::mt19937& random) {
    Case c(random);
    const OwnedBlock one(1, c.F, 0, random);
    const In row{one.memory.get(), c.T, c.F, 0};
    kernels.norm({c.x.in(), row, row, c.out.out(), c.statistics.out(), eps});
    CHECK(difference(normed(Table(c.x.in()), Table(row), Table(row)), c.out.in()) < tolerance);
  });
}

TEST_CASE("the tile norm keeps the variance beside a large mean", "[tile][norm]") {
  // x of about 1000 +- 1: a mean in float32 is off by 1e-4; E[x^2] - E[x]^2 would be off by 0.1.
  constexpr double large_mean_tolerance = 1e-3;
  for_all_kernels(3, [](const Kernels& kernels, std::mt19937& random) {
    Case c(random);
    for (int64_t i = 0; i < c.x.size; ++i) c.x.memory[i] += 1000;
    c.forward(kernels);
    const Table expected = normed(Table(c.x.in()), Table(c.shift.in()), Table(c.scale.in()));
    CHECK(difference(expected, c.out.in()) < large_mean_tolerance);
  });
}

TEST_CASE("the gradients of the tile norm are the derivatives of float64", "[tile][norm]") {
  for_all_kernels(30, [](const Kernels& kernels, std::mt19937& random) {
    Case c(random);
    const OwnedBlock g(c.T, c.F, draw(0, 2, random), random);
    // Gradients of shift and scale are one a token, or sums over tokens whatever the forward pass had.
    const auto result = [&](int64_t T) {
      return Result(T, c.F, draw(0, 2, random), draw(0, 3, random) > 0, draw(0, 1, random), random);
    };
    Result dx = result(c.T), dshift = result(draw(0, 1, random) ? c.T : 1),
           dscale = result(draw(0, 1, random) ? c.T : 1);
    c.forward(kernels);
    kernels.norm_backward({c.x.in(), c.scale.in(), c.statistics.in(), g.in(), dx.gradient(),
                           dshift.gradient(), dscale.gradient()});

    Table x(c.x.in()), shift(c.T, c.F), scale(c.T, c.F);
    const Table scale_rows(c.scale.in()), gradient(g.in());
    for (int64_t t = 0; t < c.T; ++t) {
      for (int64_t f = 0; f < c.F; ++f) {
        for (int64_t s = 0; s < lanes; ++s) scale.at(t, f, s) = scale_rows.of(t, f, s);
      }
    }
    const auto loss = [&] { return losses_of(normed(x, shift, scale), gradient); };
    const auto rows = [&](Table slope, const Result& of) { return of.block.T == 1 ? summed(slope) : slope; };
    dx.check(derivative(x, loss), tolerance);
    dshift.check(rows(derivative(shift, loss), dshift), tolerance);
    dscale.check(rows(derivative(scale, loss), dscale), tolerance);
  });
}
