#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "sample/density/mode.hpp"
#include "sample/exact_source.hpp"
#include "sample/mixture.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using test::ExactSource;
using test::Gaussian;

namespace {

constexpr double impossible = -std::numeric_limits<double>::infinity();
constexpr double density_tolerance = 2e-4;  // of the adaptive solver at its default tolerances
constexpr sample::DensityMemory memory{4096, 1e9};

// Two members whose posteriors are known: Gaussians of other means, of which the second has other units, too.
struct TwoGaussians {
  Gaussian left{{-0.6, 0.1}, {0.4, 0.5}, 0.3}, right{{0.5, -0.2}, {0.5, 0.3}, -0.2};
  ExactSource first{"flow", [this](const method::Path& path) { return left.network(path); }};
  ExactSource second{"flow", [this](const method::Path& path) { return right.network(path); }};

  TwoGaussians() { second.units = {{1, -1}, {2, 0.5}}; }

  // log of the mean of both densities at theta, in the data's units
  double log_prob(double a, double b) const {
    const auto at = [](double u, double v) { return at::tensor({u, v}, at::kDouble).view({1, 2, 1}); };
    const double one = left.log_prob(at(a, b)).item<double>();
    const double two = right.log_prob(at((a - 1) / 2, (b + 1) / 0.5)).item<double>() - std::log(2 * 0.5);
    return std::log((std::exp(one) + std::exp(two)) / 2);
  }
};

}  // namespace

TEST_CASE("the mean of densities is taken without overflow, and shares are those of the density",
          "[sample][ensemble]") {
  std::vector<double> shares(2);
  const std::vector<double> near{std::log(1.0), std::log(3.0)};
  CHECK_THAT(sample::log_mean(near, shares), WithinAbs(std::log(2.0), 1e-12));
  CHECK_THAT(shares[1], WithinAbs(0.75, 1e-12));
  const std::vector<double> far{-2000, -1990};
  CHECK_THAT(sample::log_mean(far, shares),
             WithinAbs(-1990 - std::log(2.0) + std::log1p(std::exp(-10.0)), 1e-9));
  const std::vector<double> nowhere{impossible, impossible};
  CHECK(sample::log_mean(nowhere, shares) == impossible);
  CHECK(shares[0] == 0.5);
}

TEST_CASE("a mixture's standard error weighs the members by their shares", "[sample][ensemble]") {
  sample::LogProbs one, two;
  one.values = {std::log(1.0), impossible, 0};
  two.values = {std::log(3.0), 0, std::nan("")};
  one.standard_errors = {0.4, 0, 0};
  two.standard_errors = {0.2, 0.5, 0};
  one.evaluations = 7;
  two.evaluations = 9;
  const auto mixed = sample::mix({one, two});
  CHECK_THAT(mixed.values[0], WithinAbs(std::log(2.0), 1e-12));
  CHECK_THAT(mixed.standard_errors[0], WithinAbs(std::hypot(0.25 * 0.4, 0.75 * 0.2), 1e-12));
  CHECK_THAT(mixed.values[1], WithinAbs(-std::log(2.0), 1e-12));
  CHECK_THAT(mixed.standard_errors[1], WithinAbs(0.5, 1e-12));
  CHECK(std::isnan(mixed.values[2]));
  CHECK(mixed.evaluations == 9);
}

TEST_CASE("draw d of a mixture is draw d of member d mod K, by any number of draws", "[sample][ensemble]") {
  const Gaussian data;
  const ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const sample::Source* const sources[] = {&exact.source, &exact.source, &exact.source};
  const sample::SamplingOptions options;
  for (const int64_t draws : {1, 2, 3, 7, 9}) {
    CAPTURE(draws);
    int64_t done = 0;
    const sample::Amount amount{2, draws, 3, 0, 10};
    const auto all = sample::draw_mixture(sources, amount, options, [&](int64_t now, int64_t total) {
      CHECK(now > done);
      CHECK(total == 2 * draws);
      done = now;
    });
    REQUIRE(std::ssize(all.values) == 2 * draws * 2);
    CHECK(done == 2 * draws);
    CHECK(all.drawn == 2 * draws);
    CHECK(all.unfilled() == 0);
    // Noise is keyed by the number of a draw: three times the same member gives the draws of that member
    // alone.
    const auto alone = sample::draw(exact.source, amount, options);
    for (size_t i = 0; i < all.values.size(); ++i)
      CHECK_THAT(all.values[i], WithinAbs(alone.values[i], 1e-5));
  }
}

TEST_CASE("blocks of a mixture are parts of the whole, wherever they end", "[sample][ensemble][block]") {
  const TwoGaussians two;
  const sample::Source* const sources[] = {&two.first.source, &two.second.source};
  const sample::SamplingOptions options;
  const sample::Amount amount{3, 7, 5, 0, 4};
  const auto whole = sample::draw_mixture(sources, amount, options);
  for (const int64_t items : {1, 4, 5, 8, 21}) {
    CAPTURE(items);
    std::vector<double> values;
    std::string state;
    while (values.size() < whole.values.size()) {
      sample::MixtureDrawing drawing(sources, amount, options);
      if (!state.empty()) drawing.restore(state);
      const auto block = drawing.next(std::min(items, drawing.total() - drawing.done()));
      values.insert(values.end(), block.values.begin(), block.values.end());
      state = drawing.state();
    }
    REQUIRE(values.size() == whole.values.size());
    for (size_t i = 0; i < values.size(); ++i) CHECK_THAT(values[i], WithinAbs(whole.values[i], 1e-5));
  }
}

TEST_CASE("a share of draws has the noise of its numbers", "[sample][ensemble]") {
  const Gaussian data;
  const ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const auto all = sample::draw(exact.source, {2, 6, 3, 0, 100}, {});
  const auto odd = sample::draw(exact.source, {2, 3, 3, 0, 100, 1, 2}, {});
  for (size_t row = 0; row < 2; ++row) {
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 2; ++j)
        CHECK_THAT(odd.values[(row * 3 + i) * 2 + j],
                   WithinAbs(all.values[(row * 6 + 2 * i + 1) * 2 + j], 1e-5));
    }
  }
}

TEST_CASE("the density of two known members is the mean of theirs, and its mode the highest point",
          "[sample][ensemble][mode]") {
  const TwoGaussians two;
  std::vector<double> points;
  for (const double a : {-1.0, 0.0, 0.8, 2.0}) {
    for (const double b : {-1.2, -0.3, 0.4}) points.insert(points.end(), {a, b});
  }
  const auto mixed = sample::mix({two.first.log_prob(points), two.second.log_prob(points)});
  for (size_t i = 0; i < mixed.values.size(); ++i)
    CHECK_THAT(mixed.values[i], WithinAbs(two.log_prob(points[2 * i], points[2 * i + 1]), density_tolerance));

  const sample::Source* const sources[] = {&two.first.source, &two.second.source};
  const auto samples = sample::draw_mixture(sources, {1, 80, 5, 0, 1000}, {});
  const auto found = sample::find_modes(sources, samples, {80, 6}, {}, memory);
  double highest = impossible;
  for (double a = -2; a < 4; a += 0.02) {
    for (double b = -2.5; b < 1.5; b += 0.02) highest = std::max(highest, two.log_prob(a, b));
  }
  CHECK_THAT(found.log_prob[0], WithinAbs(two.log_prob(found.theta[0], found.theta[1]), density_tolerance));
  CHECK(found.log_prob[0] > highest - 0.01);
  CHECK(found.climbed == 1);
}
