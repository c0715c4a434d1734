#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "report/contour.hpp"
#include "report/density.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

// Cells of 0.04 standard deviations around the level that is looked for.
constexpr double grid_tolerance = 0.02;

std::vector<double> normals(size_t count, uint64_t stream, double scale = 1) {
  core::Philox random(2, core::Purpose::test, stream);
  std::vector<double> values(count);
  for (double& value : values) value = static_cast<double>(scale * random.normal());
  return values;
}

// exp(-(x^2 + y^2) / 2) on [-5, 5]^2
report::Density gaussian_grid(int bins) {
  report::Density density{{-5, 5, bins}, {-5, 5, bins}, {}, 0};
  for (int row = 0; row < bins; ++row)
    for (int column = 0; column < bins; ++column)
      density.values.push_back(
          std::exp(-0.5 * (std::pow(density.x.centre(column), 2) + std::pow(density.y.centre(row), 2))));
  return density;
}

double level_at(const report::Density& density, double x, double y) {
  const int column = density.x.bin_of(x), row = density.y.bin_of(y);
  return column < 0 || row < 0 ? 0 : density.at(column, row);
}

}  // namespace

TEST_CASE("a histogram's density counts all values", "[report][density]") {
  const std::vector<double> values = {0.1f, 0.2f, 0.6f, 5.0f};
  CHECK(report::histogram(values, {0, 1, 2}) == std::vector<double>{1.0, 0.5});
}

TEST_CASE("highest-density levels of a Gaussian are those of the formula", "[report][density]") {
  // In two dimensions the region {density >= (1 - m) peak} holds the mass m.
  const report::Density density = gaussian_grid(250);
  for (const double mass : {0.3935, 0.5, 0.6827, 0.9, 0.95}) {
    CAPTURE(mass);
    CHECK_THAT(report::mass_level(density, mass), WithinRel(1 - mass, grid_tolerance));
  }
}

TEST_CASE("contours of a Gaussian are one closed circle of the right radius", "[report][contour]") {
  const report::Density density = gaussian_grid(101);
  for (const double radius : {0.7, 1.5, 3.0}) {
    CAPTURE(radius);
    const auto lines = report::contour_lines(density, std::exp(-0.5 * radius * radius));
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].front() == lines[0].back());
    CHECK(lines[0].size() > 20);
    for (const auto& [x, y] : lines[0]) CHECK_THAT(std::hypot(x, y), WithinRel(radius, 0.01));
  }
}

TEST_CASE("contours are closed at the border, keep islands apart and cut saddles", "[report][contour]") {
  // # . .
  // . . #   of 3 x 2 cells: two islands, each closed around its cell
  report::Density density{{0, 3, 3}, {0, 2, 2}, {0, 0, 1, 1, 0, 0}, 0};
  auto lines = report::contour_lines(density, 0.5);
  REQUIRE(lines.size() == 2);
  for (const auto& line : lines) {
    CHECK(line.front() == line.back());
    CHECK(line.size() == 5);
  }
  // Two cells that touch at a corner: the mean of the four corners decides.
  density = {{0, 2, 2}, {0, 2, 2}, {1, 0, 0, 1}, 0};
  CHECK(report::contour_lines(density, 0.6).size() == 2);
  CHECK(report::contour_lines(density, 0.4).size() == 1);
  CHECK(report::contour_lines(density, 2.0).empty());
}

TEST_CASE("an estimated density integrates to one", "[report][density]") {
  const std::vector<double> xs = normals(3000, 1), ys = normals(3000, 2);
  const report::Density density = report::estimate_density(xs, ys, {-6, 6, 120}, {-6, 6, 100});
  const double sum = std::accumulate(density.values.begin(), density.values.end(), 0.0);
  CHECK_THAT(sum * density.x.width() * density.y.width(), WithinAbs(1, 1e-6));
}

TEST_CASE("contour regions hold their share of the draws and of fresh ones", "[report][density]") {
  const std::vector<double> xs = normals(5000, 1), ys = normals(5000, 2);
  const report::Density density = report::estimate_density(xs, ys, {-5, 5, 200}, {-5, 5, 200});
  const std::vector<double> fresh_x = normals(5000, 3), fresh_y = normals(5000, 4);
  for (const double mass : {0.5, 0.9}) {
    const double level = report::share_level(density, xs, ys, mass);
    int own = 0, inside = 0;
    for (size_t i = 0; i < xs.size(); ++i) own += level_at(density, xs[i], ys[i]) >= level;
    CHECK_THAT(own / 5000.0, WithinAbs(mass, 0.005));  // several draws share a cell
    for (size_t i = 0; i < fresh_x.size(); ++i) inside += level_at(density, fresh_x[i], fresh_y[i]) >= level;
    CHECK_THAT(inside / 5000.0, WithinAbs(mass, 0.025));  // standard error 0.007, twice
  }
}

TEST_CASE("smoothing follows what the points show: fine rings stay fine, few points get smooth",
          "[report][density]") {
  core::Philox random(2, core::Purpose::test, 9);
  std::vector<double> ring_x, ring_y;
  for (int i = 0; i < 10000; ++i) {
    const double angle = 2 * std::numbers::pi * random.uniform(), radius = 1 + 0.03 * random.normal();
    ring_x.push_back(static_cast<double>(radius * std::cos(angle)));
    ring_y.push_back(static_cast<double>(radius * std::sin(angle)));
  }
  const report::Axis axis{-1.5, 1.5, 300};
  const report::Density ring = report::estimate_density(ring_x, ring_y, axis, axis);
  const report::Density many =
      report::estimate_density(normals(10000, 1, 0.4), normals(10000, 2, 0.4), axis, axis);
  const report::Density few =
      report::estimate_density(normals(300, 1, 0.4), normals(300, 2, 0.4), axis, axis);
  CHECK(ring.bandwidth < many.bandwidth);
  CHECK(many.bandwidth < few.bandwidth);
  // The ring's middle is empty and its width at half height near 2.355 standard deviations.
  CHECK(ring.at(150, 150) < 1e-3 * ring.at(250, 150));
  int above_half = 0;
  double peak = 0;
  for (int column = 200; column < 300; ++column) peak = std::max(peak, ring.at(column, 150));
  for (int column = 200; column < 300; ++column) above_half += ring.at(column, 150) > peak / 2;
  CHECK(above_half * axis.width() < 1.6 * 2.355 * 0.03);
}

TEST_CASE("no points in range give an empty density", "[report][density]") {
  const std::vector<double> far = {10, 11};
  const report::Density density = report::estimate_density(far, far, {0, 1, 8}, {0, 1, 8});
  CHECK(std::count(density.values.begin(), density.values.end(), 0.0) == 64);
}
