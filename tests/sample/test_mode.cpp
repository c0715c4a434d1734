// Posterior modes of densities that are known.
#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/Functions.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "sample/density/mode.hpp"
#include "sample/exact_source.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using test::ExactSource;
using test::Gaussian;

namespace {

constexpr sample::DensityMemory mode_memory{4096, 1e9};

sample::Samples draw_from(const ExactSource& exact, int64_t rows, int64_t draws) {
  return sample::draw(exact.source, {rows, draws, 3, 0, 1000}, {});
}

sample::Modes modes_of(const sample::Source& source, const sample::Samples& samples,
                       const sample::ModeOptions& modes) {
  const sample::Source* const one = &source;
  return sample::find_modes(std::span(&one, 1), samples, modes, {}, mode_memory);
}

}  // namespace

TEST_CASE("the mode of a Gaussian is its mean, far nearer than the best sample", "[sample][mode]") {
  const std::string name = GENERATE("flow", "edm", "score_ve");
  CAPTURE(name);
  const Gaussian data;
  ExactSource exact(name, [&](const method::Path& path) { return data.network(path); });
  exact.units = {{10, -4}, {2, 0.5}};
  const auto samples = draw_from(exact, 2, 40);
  const auto found = modes_of(exact.source, samples, {40, 3});
  REQUIRE(found.theta.size() == 4);
  CHECK(found.climbed == 2);
  for (size_t i = 0; i < found.theta.size(); ++i) {
    const double expected = exact.units.mean[i % 2] + exact.units.scale[i % 2] * data.mean[i % 2];
    // The ascent's last levels leave a hundredth of a width; ve and edm start without the data's mean.
    CHECK(std::abs(found.theta[i] - expected) < 0.03 * exact.units.scale[i % 2]);
  }
  const auto of_samples = exact.log_prob(samples.values);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t i = 0; i < 40; ++i) CHECK(of_samples.values[row * 40 + i] <= found.log_prob[row] + 1e-3);
  }
  const auto there = exact.log_prob(found.theta);
  for (size_t row = 0; row < 2; ++row) CHECK(std::abs(there.values[row] - found.log_prob[row]) < 1e-4);
}

TEST_CASE("the mode of theta learned on the whole line is that of theta", "[sample][mode][prior]") {
  const Gaussian data;
  ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  exact.units = {{0.5, 0}, {1, 1.5}, data::between({{0, -1}, {4, 1}})};
  const auto found = modes_of(exact.source, draw_from(exact, 1, 60), {60, 5});
  const std::vector<double> at_mean = exact.units.invert(
      std::vector<float>{static_cast<float>(data.mean[0]), static_cast<float>(data.mean[1])});
  std::vector<double> grid;
  constexpr int cells = 40;
  for (int i = 1; i < cells; ++i) {
    for (int j = 1; j < cells; ++j) {
      grid.push_back(4 * static_cast<double>(i) / cells);
      grid.push_back(-1 + 2 * static_cast<double>(j) / cells);
    }
  }
  const auto of_grid = exact.log_prob(grid).values;
  CHECK(*std::max_element(of_grid.begin(), of_grid.end()) < found.log_prob[0] + 1e-3);
  CHECK(exact.log_prob(at_mean).values[0] < found.log_prob[0] - 0.01);
}

TEST_CASE("of two bumps the higher one holds the mode", "[sample][mode]") {
  const test::Mixture data;
  const ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const auto found = modes_of(exact.source, draw_from(exact, 1, 60), {60, 10});
  CHECK(std::abs(found.theta[0] - 0.9) < 0.03);
  CHECK(std::abs(found.theta[1] + 0.1) < 0.03);
}

TEST_CASE("a mode beyond the prior's support ends at its edge", "[sample][mode][prior]") {
  const Gaussian data;
  ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const auto prior =
      data::make_prior({data::PriorKind::box, {-5, -5}, {0.1, 5}, {}, {}}, 2);  // the mean has 0.3 there
  exact.source.prior = prior.get();
  const auto samples = draw_from(exact, 1, 200);
  const auto found = modes_of(exact.source, samples, {200, 10});
  CHECK(found.theta[0] <= 0.1F);
  CHECK(found.theta[0] > 0.05F);
  CHECK(std::isfinite(found.log_prob[0]));
}

TEST_CASE("a row without a sample has no mode", "[sample][mode]") {
  const Gaussian data;
  const ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  auto samples = draw_from(exact, 2, 5);
  std::fill_n(samples.filled.begin(), 5, uint8_t{0});
  const auto found = modes_of(exact.source, samples, {5, 2});
  CHECK(std::isnan(found.theta[0]));
  CHECK(std::isnan(found.log_prob[0]));
  CHECK(std::isfinite(found.log_prob[1]));
}
