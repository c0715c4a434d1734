// Posterior modes of densities that are known.
#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/Functions.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "core/philox.hpp"
#include "data/prior/parts.hpp"
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
                       const sample::ModeOptions& modes, const sample::PriorRatio* ratio = nullptr) {
  const sample::Source* const one = &source;
  return sample::find_modes(std::span(&one, 1), samples, modes, {}, mode_memory, ratio);
}

std::unique_ptr<data::Prior> normal_with(std::vector<double> mean, std::vector<double> scale) {
  return data::make_prior({data::PriorKind::normal, {}, {}, std::move(mean), std::move(scale)}, 2);
}

// Two correlated components in place of the kinds that a section has for all parameters.
std::unique_ptr<data::Prior> correlated_prior(std::vector<double> mean, double variance, double correlation) {
  const data::PriorPart part{
      "multivariate_normal",
      {"a", "b"},
      {{"mean", std::move(mean)},
       {"covariance", {variance, correlation * variance, correlation * variance, variance}}}};
  return data::make_part(part);
}

// The mode of N(q_mean, C) N(mean, S) / N(training_mean, diagonal of training_scale^2).
at::Tensor product_mode(const at::Tensor& q_mean, const at::Tensor& covariance, const at::Tensor& mean,
                        const at::Tensor& other_covariance, const at::Tensor& training_mean,
                        const at::Tensor& training_scale) {
  const at::Tensor of_q = at::inverse(covariance), of_other = at::inverse(other_covariance),
                   of_training = at::diag(training_scale.square().reciprocal());
  return at::matmul(
      at::inverse(of_q + of_other - of_training),
      at::matmul(of_q, q_mean) + at::matmul(of_other, mean) - at::matmul(of_training, training_mean));
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

TEST_CASE("under another normal prior the mode of a Gaussian is the one of the product in closed form",
          "[sample][mode][prior]") {
  const Gaussian data;
  const std::string name = GENERATE("flow", "edm", "score_ve");
  const double scale = GENERATE(1.0, 0.2, 0.01), correlation = GENERATE(0.0, 0.95);
  CAPTURE(name, scale, correlation);
  ExactSource exact(name, [&](const method::Path& path) { return data.network(path); });
  exact.units = {{10, -4}, {2, 0.5}};
  const auto training = normal_with({10.5, -4.2}, {5, 1.5});
  // Half a width of the posterior from its mean, and `scale` as wide as it is in the first component.
  const std::vector<double> mean{10.2, -3.9};
  const auto other = correlated_prior(mean, scale * scale, correlation);
  const sample::PriorRatio ratio(*training, *other);  // a source has no prior that bounds nothing
  sample::Samples samples = draw_from(exact, 1, 4);
  core::Philox random(5, core::Purpose::test);
  for (size_t i = 0; i < samples.values.size(); i += 2)
    other->sample(random, std::span(samples.values).subspan(i, 2));
  const auto found = modes_of(exact.source, samples, {4, 4}, &ratio);

  const at::Tensor units = at::tensor(std::vector<double>{2, 0.5}, at::kDouble), turn = at::diag(units);
  const at::Tensor shape =
      at::tensor(std::vector<double>{1, correlation, correlation, 1}, at::kDouble).view({2, 2});
  const at::Tensor expected = product_mode(
      at::tensor(std::vector<double>{10, -4}, at::kDouble) + units * at::tensor(data.mean, at::kDouble),
      at::matmul(at::matmul(turn, data.covariance()), turn), at::tensor(mean, at::kDouble),
      shape * scale * scale, at::tensor(std::vector<double>{10.5, -4.2}, at::kDouble),
      at::tensor(std::vector<double>{5, 1.5}, at::kDouble));
  // Four samples alone are ten times as far off.
  for (int64_t i = 0; i < 2; ++i) {
    CHECK(std::abs(found.theta[static_cast<size_t>(i)] - expected[i].item<double>()) <
          0.01 * exact.units.scale[static_cast<size_t>(i)] * std::min(1.0, 2 * scale));
  }
  const double there = exact.log_prob(found.theta).values[0] + ratio.log_ratio(found.theta);
  CHECK(std::abs(there - found.log_prob[0]) < 1e-4);
}

TEST_CASE("a mode beyond the support of another prior ends at its edge", "[sample][mode][prior]") {
  const Gaussian data;
  ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const auto training = data::make_prior({data::PriorKind::box, {-5, -5}, {5, 5}, {}, {}}, 2);
  const auto other = data::make_prior({data::PriorKind::box, {-5, -5}, {0.1, 5}, {}, {}}, 2);
  exact.source.prior = training.get();
  const sample::PriorRatio ratio(*training, *other);
  const auto found = modes_of(exact.source, draw_from(exact, 1, 200), {200, 10}, &ratio);
  CHECK(found.theta[0] <= 0.1F);
  CHECK(found.theta[0] > 0.05F);
  CHECK(found.climbed == 1);
  // The new box has 5.1 of the 10 units of the old one.
  CHECK(std::abs(exact.log_prob(found.theta).values[0] + std::log(10 / 5.1) - found.log_prob[0]) < 1e-4);
}

TEST_CASE("samples outside another prior start no ascent", "[sample][mode][prior]") {
  const Gaussian data;
  ExactSource exact("flow", [&](const method::Path& path) { return data.network(path); });
  const auto training = data::make_prior({data::PriorKind::box, {-50, -50}, {50, 50}, {}, {}}, 2);
  const auto other = data::make_prior({data::PriorKind::box, {40, 40}, {41, 41}, {}, {}}, 2);
  exact.source.prior = training.get();
  const sample::PriorRatio ratio(*training, *other);
  const auto found = modes_of(exact.source, draw_from(exact, 1, 20), {20, 5}, &ratio);
  CHECK(std::isnan(found.theta[0]));
  CHECK(std::isnan(found.log_prob[0]));
}
