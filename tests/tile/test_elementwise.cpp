// Gates, activations and sinusoids of the tile engine against float64.
#include "tile/reference.hpp"

using namespace fluxsbi::engine::tile;

namespace {

// Float32: a few operations a number, sums over up to 7 tokens, in units of the greatest number.
constexpr double tolerance = 2e-6;

double gelu(double x) {
  return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double silu(double x) {
  return x / (1 + std::exp(-x));
}

struct Activation {
  double (*reference)(double);
  void (*Kernels::*forward)(const Unary&);
  void (*Kernels::*backward)(const UnaryBackward&);
};
constexpr Activation activations[] = {{gelu, &Kernels::gelu, &Kernels::gelu_backward},
                                      {silu, &Kernels::silu, &Kernels::silu_backward}};

Result random_result(int64_t T, int64_t F, std::mt19937& random) {
  return Result(T, F, draw(0, 2, random), draw(0, 3, random) > 0, draw(0, 1, random), random);
}
OwnedBlock random_block(int64_t T, int64_t F, std::mt19937& random) {
  return OwnedBlock(T, F, draw(0, 2, random), random);
}

Table gated(const Table& x, const Table& gate, const Table& y) {
  Table out(x.T, x.F);
  for (int64_t t = 0; t < x.T; ++t) {
    for (int64_t f = 0; f < x.F; ++f) {
      for (int64_t s = 0; s < lanes; ++s) out.at(t, f, s) = x.at(t, f, s) + gate.of(t, f, s) * y.at(t, f, s);
    }
  }
  return out;
}

Table sinusoid(const Table& t, const Table& frequency, double factor, int64_t F) {
  Table out(t.T, F);
  const int64_t K = frequency.F;
  for (int64_t i = 0; i < t.T; ++i) {
    for (int64_t f = 0; f < std::min(F, 2 * K); ++f) {
      for (int64_t s = 0; s < lanes; ++s) {
        const double angle = factor * t.at(i, 0, s) * frequency.at(0, f % K, s);
        out.at(i, f, s) = f < K ? std::cos(angle) : std::sin(angle);
      }
    }
  }
  return out;
}

}  // namespace

TEST_CASE("a gate of the tile engine and its gradients are those of float64", "[tile]") {
  for_all_kernels(20, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(1, 7, random), F = draw(1, 40, random);
    const OwnedBlock x = random_block(T, F, random), y = random_block(T, F, random),
                     gate = random_block(1, F, random), g = random_block(T, F, random);
    OwnedBlock out = random_block(T, F, random);
    Result dx = random_result(T, F, random), dy = random_result(T, F, random),
           dgate = random_result(1, F, random);
    kernels.gate({x.in(), gate.in(), y.in(), out.out()});
    kernels.gate_backward({gate.in(), y.in(), g.in(), dx.gradient(), dgate.gradient(), dy.gradient()});

    Table x_numbers(x.in()), gate_numbers(gate.in()), y_numbers(y.in());
    CHECK(difference(gated(x_numbers, gate_numbers, y_numbers), out.in()) < tolerance);
    const auto loss = [&] { return losses_of(gated(x_numbers, gate_numbers, y_numbers), Table(g.in())); };
    dx.check(derivative(x_numbers, loss), tolerance);
    dgate.check(derivative(gate_numbers, loss), tolerance);
    dy.check(derivative(y_numbers, loss), tolerance);
  });
}

TEST_CASE("gelu and silu of the tile engine and their gradients are those of float64", "[tile]") {
  for_all_kernels(20, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(1, 7, random), F = draw(1, 40, random);
    for (const Activation& f : activations) {
      OwnedBlock x = random_block(T, F, random), out = random_block(T, F, random);
      const OwnedBlock g = random_block(T, F, random);
      for (int64_t i = 0; i < x.size; ++i) x.memory[i] *= 4;
      Result dx = random_result(T, F, random);
      (kernels.*f.forward)({x.in(), out.out()});
      (kernels.*f.backward)({x.in(), g.in(), dx.gradient()});

      Table numbers(x.in());
      const auto applied = [&] {
        Table y = numbers;
        for (double& number : y.x) number = f.reference(number);
        return y;
      };
      CHECK(difference(applied(), out.in()) < tolerance);
      dx.check(derivative(numbers, [&] { return losses_of(applied(), Table(g.in())); }), tolerance);
    }
  });
}

TEST_CASE("a sinusoid of the tile engine and its gradients are those of float64", "[tile]") {
  // Angles up to about 40 are rounded to 2e-6, and frequency gradients are sums over tokens.
  constexpr double angle_tolerance = 1e-5;
  constexpr float factor = 3.5F;
  for_all_kernels(20, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t T = draw(1, 4, random), K = draw(1, 20, random), F = draw(1, 2 * K, random);
    const OwnedBlock t = random_block(T, 1, random), frequency = random_block(1, K, random),
                     g = random_block(T, F, random);
    OwnedBlock out = random_block(T, F, random);
    Result dt = random_result(T, 1, random), dfrequency = random_result(1, K, random);
    kernels.sinusoid({t.in(), frequency.in(), factor, out.out()});
    kernels.sinusoid_backward({t.in(), frequency.in(), factor, g.in(), dt.gradient(), dfrequency.gradient()});

    Table times(t.in()), frequencies(frequency.in());
    CHECK(difference(sinusoid(times, frequencies, factor, F), out.in()) < angle_tolerance);
    const auto loss = [&] { return losses_of(sinusoid(times, frequencies, factor, F), Table(g.in())); };
    dt.check(derivative(times, loss), angle_tolerance);
    dfrequency.check(derivative(frequencies, loss), angle_tolerance);
  });
}

TEST_CASE("the angles of a sinusoid are rounded as (factor t) frequency in float32", "[tile]") {
  // An angle of 2000 is rounded to 1e-4: with any other rounding the result is off by as much.
  constexpr double rounding_tolerance = 5e-7;
  constexpr float factor = 1000;
  for_all_kernels(5, [](const Kernels& kernels, std::mt19937& random) {
    const int64_t K = 20;
    const OwnedBlock t(1, 1, 0, random), frequency(1, K, 0, random);
    OwnedBlock out(1, 2 * K, 0, random);
    kernels.sinusoid({t.in(), frequency.in(), factor, out.out()});
    Table expected(1, 2 * K);
    for (int64_t k = 0; k < K; ++k) {
      for (int64_t s = 0; s < lanes; ++s) {
        const float time = factor * t.memory[s];
        const float angle = time * frequency.memory[k * lanes + s];
        expected.at(0, k, s) = std::cos(static_cast<double>(angle));
        expected.at(0, K + k, s) = std::sin(static_cast<double>(angle));
      }
    }
    CHECK(difference(expected, out.in()) < rounding_tolerance);
  });
}
