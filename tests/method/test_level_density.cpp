#include <cmath>
#include <limits>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <catch2/catch_approx.hpp>

#include "core/error.hpp"
#include "method/level_density.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
using method::level_bins;
using method::LevelRange;

namespace {

// G of N(0, v^2) in each bin.
std::vector<double> normal_g(double v, const LevelRange& range = {}) {
  std::vector<double> g;
  for (int64_t bin = 0; bin < level_bins; ++bin) {
    const double s = std::exp(range.centre(bin));
    g.push_back(v * v / (v * v + s * s));
  }
  return g;
}

// The part of the masses that comes from the slope of G.
std::vector<double> slope_part(const std::vector<double>& masses, const LevelRange& range = {}) {
  std::vector<double> part = method::start_masses(range);
  for (size_t bin = 0; bin < part.size(); ++bin)
    part[bin] = (masses[bin] - method::start_share * part[bin]) / (1 - method::start_share);
  return part;
}

struct Moments {
  double sum = 0, mean = 0, std = 0;
};
Moments moments(const std::vector<double>& masses, const LevelRange& range = {}) {
  Moments of;
  double square = 0;
  for (int64_t bin = 0; bin < level_bins; ++bin) {
    const double mass = masses[static_cast<size_t>(bin)], level = range.centre(bin);
    of.sum += mass;
    of.mean += mass * level;
    square += mass * level * level;
  }
  of.std = std::sqrt(square - of.mean * of.mean);
  return of;
}

double mass_between(const std::vector<double>& masses, double low, double high) {
  const LevelRange range;
  double mass = 0;
  for (int64_t bin = 0; bin < level_bins; ++bin) {
    if (range.centre(bin) > low && range.centre(bin) < high) mass += masses[static_cast<size_t>(bin)];
  }
  return mass;
}

}  // namespace

TEST_CASE("the levels of a normal lie around its standard deviation", "[method][levels]") {
  // -dG / dlambda is the logistic density of scale 1/2: standard deviation pi / (2 sqrt 3) = .907, smoothed
  // by 0.4: .991.
  for (const double v : {0.02, 0.1, 0.6}) {
    CAPTURE(v);
    const auto masses = method::level_masses(normal_g(v), {});
    const Moments all = moments(masses), slope = moments(slope_part(masses));
    CHECK(all.sum == Approx(1));
    CHECK(slope.sum == Approx(1));
    CHECK(slope.mean == Approx(std::log(v)).margin(0.05));
    CHECK(slope.std == Approx(0.991).margin(0.05));
    CHECK(all.mean == Approx(0.7 * slope.mean + 0.3 * -1.0).margin(0.01));
  }
}

TEST_CASE("two scales have their levels, and few lie between them", "[method][levels]") {
  std::vector<double> g = normal_g(0.01);
  const std::vector<double> wide = normal_g(2);
  for (size_t bin = 0; bin < g.size(); ++bin) g[bin] = (g[bin] + wide[bin]) / 2;
  const auto slope = slope_part(method::level_masses(g, {}));
  const double fine = std::log(0.01), broad = std::log(2), middle = (fine + broad) / 2;
  CHECK(mass_between(slope, fine - 1, fine + 1) == Approx(0.36).margin(0.04));
  CHECK(mass_between(slope, broad - 1, broad + 1) == Approx(0.36).margin(0.04));
  CHECK(mass_between(slope, middle - 0.5, middle + 0.5) < 0.06);
}

TEST_CASE("a G that rises and falls by chance gives masses, one without a slope the start density",
          "[method][levels]") {
  std::vector<double> g = normal_g(0.1);
  for (size_t bin = 0; bin < g.size(); ++bin) g[bin] += bin % 2 == 0 ? 0.1 : -0.1;
  g[3] = 1e30;  // one row far away
  const auto masses = method::level_masses(g, {});
  for (const double mass : masses) CHECK(mass > 0);
  CHECK(moments(slope_part(masses)).mean == Approx(std::log(0.1)).margin(0.3));
  CHECK(method::level_masses(std::vector<double>(level_bins, 0.4), {}) == method::start_masses({}));
  CHECK(method::level_masses(std::vector<double>(level_bins, 7.0), {}) == method::start_masses({}));
  const Moments start = moments(method::start_masses({}));
  CHECK(start.mean == Approx(-1).margin(0.02));
  CHECK(start.std == Approx(1.5).margin(0.02));
}

TEST_CASE("levels that are drawn have the masses' distribution", "[method][levels]") {
  const LevelRange range = LevelRange{}.within(-5, 2);
  method::LevelTable table(range, at::kCPU);
  constexpr int64_t draws = 100000;
  const at::Tensor uniform =
      ((at::arange(draws, at::kDouble) + 0.5) / static_cast<double>(draws)).to(at::kFloat);
  for (const bool learned : {false, true}) {
    const auto masses =
        learned ? method::level_masses(normal_g(0.05, range), range) : method::start_masses(range);
    if (learned) table.set(masses);
    const at::Tensor levels = table.draw(uniform).to(at::kDouble);
    CHECK(levels.min().item<double>() >= -5);
    CHECK(levels.max().item<double>() <= 2);
    const Moments expected = moments(masses, range);
    CHECK(levels.mean().item<double>() == Approx(expected.mean).margin(0.01));
    CHECK(levels.std().item<double>() == Approx(expected.std).margin(0.02));
    CHECK(table.quantile(0.5) == Approx(levels.median().item<double>()).margin(0.01));
  }
}

TEST_CASE("the range of levels is what the method has of it, and an error if that is nothing",
          "[method][levels]") {
  const LevelRange part = LevelRange{}.within(-std::numeric_limits<double>::infinity(), 1);
  CHECK(part.lowest == -7);
  CHECK(part.highest == 1);
  CHECK(part.bin_width() == Approx(8.0 / level_bins));
  CHECK_THROWS_WITH(LevelRange{}.within(4, 5),
                    ContainsSubstring("strategy.levels") && ContainsSubstring("fixed"));
  CHECK_THROWS_AS(LevelRange{}.within(4, 5), core::UserError);
}
