// Float64 references of the tile engine's kernels: tables of numbers, derivatives, comparison.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "support/sanitized.hpp"
#include "tile/blocks.hpp"

namespace fluxsbi::engine::tile {

/// [T, F, lanes] numbers in float64.
struct Table {
  Table(int64_t T, int64_t F) : T(T), F(F), x(T * F * lanes) {}
  explicit Table(const In& block) : Table(block.T, block.F) {
    for (int64_t t = 0; t < T; ++t) {
      for (int64_t i = 0; i < F * lanes; ++i) x[t * F * lanes + i] = block.data[t * block.token + i];
    }
  }

  double& at(int64_t t, int64_t f, int64_t s) { return x[(t * F + f) * lanes + s]; }
  double at(int64_t t, int64_t f, int64_t s) const { return x[(t * F + f) * lanes + s]; }
  /// Row t, or the one row that serves all tokens.
  double of(int64_t t, int64_t f, int64_t s) const { return at(T == 1 ? 0 : t, f, s); }

  int64_t T, F;
  std::vector<double> x;
};

/// sum over tokens and features of out g, sample by sample
using Losses = std::array<double, lanes>;
inline Losses losses_of(const Table& out, const Table& g) {
  Losses losses{};
  for (size_t i = 0; i < out.x.size(); ++i) losses[i % lanes] += out.x[i] * g.x[i];
  return losses;
}

/// d loss_s / d x[t][f][s] by central differences, all samples at once since they do not meet. The error of
/// the step is about 1e-8 and that of rounding 1e-11, both far below float32.
template <class Loss>
Table derivative(Table& x, const Loss& loss) {
  constexpr double step = 1e-4;
  Table slope(x.T, x.F);
  for (int64_t cell = 0; cell < x.T * x.F; ++cell) {
    double* numbers = x.x.data() + cell * lanes;
    const std::vector<double> kept(numbers, numbers + lanes);
    const auto moved = [&](double by) {
      for (int64_t s = 0; s < lanes; ++s) numbers[s] = kept[s] + by;
      return loss();
    };
    const Losses above = moved(step), below = moved(-step);
    std::copy(kept.begin(), kept.end(), numbers);
    for (int64_t s = 0; s < lanes; ++s) slope.x[cell * lanes + s] = (above[s] - below[s]) / (2 * step);
  }
  return slope;
}

/// The greatest difference in shares of the greatest number expected (or of 1 where that is less).
inline double difference(const Table& expected, const In& got) {
  const Table numbers(got);
  double greatest = 1, off = 0;
  for (size_t i = 0; i < numbers.x.size(); ++i) {
    greatest = std::max(greatest, std::abs(expected.x[i]));
    off = std::max(off, std::abs(expected.x[i] - numbers.x[i]));
    if (std::isnan(numbers.x[i])) return INFINITY;
  }
  return off / greatest;
}

/// A gradient that a kernel writes or adds to; it may be absent.
struct Result {
  Result(int64_t T, int64_t F, int64_t gap, bool wanted, bool adds, std::mt19937& random)
      : block(T, F, gap, random),
        before(block.memory.get(), block.memory.get() + block.size),
        wanted(wanted),
        adds(adds) {}

  Gradient gradient() { return wanted ? Gradient{block.out(), adds} : Gradient{}; }

  /// Compares with `expected` and with what stood there, between the rows too.
  void check(Table expected, double tolerance) {
    for (int64_t i = 0; i < block.size; ++i) {
      const int64_t t = i / block.token, place = i % block.token;
      double& number = place < block.F * lanes ? expected.x[t * block.F * lanes + place] : outside;
      if (adds && &number != &outside) number += before[i];
      if (wanted && &number != &outside) continue;
      if (block.memory[i] != before[i]) FAIL("a number outside the gradient has changed");
    }
    if (wanted) CHECK(difference(expected, block.in()) < tolerance);
  }

  OwnedBlock block;
  std::vector<float> before;
  bool wanted, adds;
  double outside = 0;
};

/// Rows added up: [1, F].
inline Table summed(const Table& x) {
  Table sums(1, x.F);
  for (size_t i = 0; i < x.x.size(); ++i) sums.x[i % sums.x.size()] += x.x[i];
  return sums;
}

inline int64_t draw(int64_t low, int64_t high, std::mt19937& random) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

/// f(kernels, random) `times` times for each instruction set of this machine.
template <class Body>
void for_all_kernels(int times, Body body) {
  for (const char* name : {"portable", "avx2", "avx512"}) {
    const Kernels* kernels = kernels_named(name);
    for (int seed = 0; kernels && seed < test::unless_sanitized(times, (times + 2) / 3); ++seed) {
      CAPTURE(name, seed);
      std::mt19937 random(seed);
      body(*kernels, random);
    }
  }
}

}  // namespace fluxsbi::engine::tile
