// Several observations of one theta, against the posterior that is known in closed form.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <ATen/ops/diag.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/log.hpp"
#include "sample/exact_source.hpp"
#include "sample/together.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using test::PlainMethod;

namespace {

at::Tensor numbers(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble);
}

data::PriorOptions normal_prior(std::vector<double> mean, std::vector<double> scale) {
  data::PriorOptions options;
  options.kind = data::PriorKind::normal;
  options.mean = std::move(mean);
  options.scale = std::move(scale);
  return options;
}

// theta ~ N(m, diag(s^2)) and x_j = theta + N(0, R) for n observations, with an exact network for each.
struct ManyObservations {
  at::Tensor prior_mean = numbers({0.5, -0.5}), prior_precision = at::diag(1 / numbers({1.2, 2}).square());
  at::Tensor noise_precision = at::linalg_inv(numbers({0.5, 0.3, 0.3, 0.8}).view({2, 2}));
  data::Standardiser units{{0.3, -0.1}, {1.5, 1.7}};
  std::unique_ptr<data::Prior> prior = data::make_prior(normal_prior({0.5, -0.5}, {1.2, 2}), 2);
  PlainMethod method;
  std::unique_ptr<method::Path> path;
  std::vector<at::Tensor> means;  // [2] of each posterior, standardised
  at::Tensor values, vectors;     // of their covariance, standardised
  sample::Source source;
  at::Tensor all_means;         // [n, 2]
  at::Tensor mean, covariance;  // given all observations

  data::Regression regression;  // empty: none

  // spread: a factor of the noise's deviations. residual: each network knows the residual of a regression on
  // x.
  ManyObservations(const std::string& name, int64_t n, double spread = 1, bool residual = false)
      : method(name), path(method.path()) {
    noise_precision = noise_precision / (spread * spread);
    core::Philox random(4, core::Purpose::test);
    at::Tensor sum = at::zeros({2}, at::kDouble);
    const at::Tensor scale = at::tensor(units.scale, at::kDouble),
                     centre = at::tensor(units.mean, at::kDouble);
    const at::Tensor each = at::linalg_inv(prior_precision + noise_precision);
    const at::Tensor standard = each / scale.unsqueeze(0) / scale.unsqueeze(1);
    std::tie(values, vectors) = at::linalg_eigh(standard);
    std::vector<float> observed;
    const at::Tensor noise = at::linalg_inv(noise_precision);
    const auto [noise_values, noise_vectors] = at::linalg_eigh(noise);
    for (int64_t j = 0; j < n; ++j) {
      const at::Tensor white = numbers({random.normal(), random.normal()});
      const at::Tensor x = numbers({1.1, -1.3}) + noise_vectors.matmul(noise_values.sqrt() * white);
      sum = sum + x;
      for (int64_t k = 0; k < 2; ++k) observed.push_back(static_cast<float>(x[k].item<double>()));
      const at::Tensor at_x = each.matmul(prior_precision.matmul(prior_mean) + noise_precision.matmul(x));
      const at::Tensor z = (at_x - centre) / scale;
      means.push_back(z);
    }
    all_means = at::stack(means);
    covariance = at::linalg_inv(prior_precision + n * noise_precision);
    mean = covariance.matmul(prior_precision.matmul(prior_mean) + noise_precision.matmul(sum));
    source.method = &method;
    source.bind = [this](std::span<const int64_t> rows) {
      const at::Tensor chosen = at::tensor(std::vector<int64_t>(rows.begin(), rows.end()), at::kLong);
      return sample::Bound{[this, mean = all_means.index_select(0, chosen)](
                               const at::Tensor& t, const at::Tensor& x, const at::Tensor& items) {
        const at::Tensor centre = items.defined() ? mean.index_select(0, items) : mean;
        return network(t, x, centre.unsqueeze(2));
      }};
    };
    source.frame = sample::Frame(units);
    if (residual) {
      regression = {{0.1, -3}, {0.8, -0.1, 0.2, 0.5}, {0.4, 0.4}};
      source.frame = sample::Frame(units, regression, observed);
      const auto centres = regression.centres(observed);
      all_means = (all_means - at::tensor(centres, at::kDouble).view({-1, 2})) / 0.4;
      values = values / (0.4 * 0.4);
    }
    source.tokens = source.kept = 2;
  }
  ManyObservations(const ManyObservations&) = delete;

  // The output whose denoiser is E[z | x(t)] = m + a C (a^2 C + b^2)^-1 (x - a m), centre m [k, 2, 1].
  at::Tensor network(const at::Tensor& time, const at::Tensor& x, const at::Tensor& centre) const {
    const at::Tensor t = time.to(at::kDouble).view({-1, 1, 1}), wide = x.to(at::kDouble);
    const method::Level level = path->level(t);
    const at::Tensor variances = values.view({1, 2, 1});
    const at::Tensor share = variances / (level.signal.square() * variances + level.noise.square());
    const at::Tensor apart = at::matmul(vectors.t(), wide - level.signal * centre) * share;
    const method::Linear clean = path->denoised(t);
    const at::Tensor data = centre + level.signal * at::matmul(vectors, apart);
    return ((data - clean.x * wide) / clean.network).to(x.scalar_type());
  }

  // Largest error of a mean in posterior deviations, and of a deviation relative to it.
  std::pair<double, double> errors(const data::Prior& used, int64_t draws) const {
    sample::SamplingOptions options;
    const auto n = std::ssize(means);
    const auto composed = sample::put_together(source, used, n, 5, 4096, {}, options);
    const sample::Source& together = composed.front();
    const auto samples =
        sample::draw(together, {1, draws, 6, 0, 4096}, sample::for_together(options, method, n));
    const at::Tensor found = at::tensor(samples.values, at::kDouble).view({-1, 2});
    const at::Tensor deviation = covariance.diagonal().sqrt();
    return {((found.mean(0) - mean) / deviation).abs().max().item<double>(),
            (found.std(0) / deviation - 1).abs().max().item<double>()};
  }
};

}  // namespace

TEST_CASE("observations of one theta give the posterior of the closed form, for 1 to 1,000 of them",
          "[sample][together]") {
  const std::string name = GENERATE("flow", "edm", "score_vp");
  for (const int64_t n : {1, 2, 10, 100, 1000}) {
    if (n == 1000 && name != "flow") continue;  // takes a while
    CAPTURE(name, n);
    const ManyObservations many(name, n);
    // Standard errors of 0.022 deviations of a mean and 1.6 % of a deviation, or 0.045 and 3 %.
    const auto [mean, deviation] = many.errors(*many.prior, n <= 10 ? 2000 : 500);
    CHECK(mean < 0.1);
    CHECK(deviation < (n <= 10 ? 0.05 : 0.1));
  }
}

TEST_CASE("observations with coordinates of their own are put together in common ones",
          "[sample][together]") {
  const std::string name = GENERATE("flow", "edm", "score_vp");
  for (const int64_t n : {1, 10}) {
    CAPTURE(name, n);
    const ManyObservations many(name, n, 1, /*residual=*/true);
    const auto [mean, deviation] = many.errors(*many.prior, 2000);
    CHECK(mean < 0.1);
    CHECK(deviation < 0.05);
  }
}

TEST_CASE("many observations that each say little add up to no more than they say", "[sample][together]") {
  // Each narrows the prior by a hundredth, much less than its covariance can be estimated to.
  const ManyObservations many("flow", 200, 10);
  const auto [mean, deviation] = many.errors(*many.prior, 2000);
  CHECK(mean < 0.3);
  CHECK(deviation < 0.2);
}

TEST_CASE("what is put together never leaves the prior's support for good", "[sample][together]") {
  // A prior that rules out where all networks lead: without damping draws end at the networks' mean.
  const ManyObservations many("flow", 50);
  data::PriorOptions options;
  options.kind = data::PriorKind::box;
  options.low = {-2, -1};
  options.high = {0.5, 3};  // the posterior's mean is near (1.1, -1.3)
  const auto box = data::make_prior(options, 2);
  const sample::SamplingOptions sampling;
  const auto composed = sample::put_together(many.source, *box, 50, 5, 4096, {}, sampling);
  const sample::Source& together = composed.front();
  const auto samples =
      sample::draw(together, {1, 200, 6, 0, 4096}, sample::for_together(sampling, many.method, 50));
  for (size_t i = 0; i < samples.values.size(); i += 2) {
    CHECK(samples.values[i] < 0.5 + 0.05);
    CHECK(samples.values[i + 1] > -1 - 0.05);
  }
}

TEST_CASE("posteriors that are not normal are warned of before they are put together", "[sample][together]") {
  const test::TemporaryFolder folder;
  const auto said = [&](const data::Prior& prior) {
    ManyObservations many("flow", 5);
    many.source.prior = &prior;
    many.source.theta_names = {"mass", "age"};
    core::log::tee(folder.file("log"));
    sample::put_together(many.source, prior, 5, 5, 4096, {}, {});
    core::log::tee("");
    std::stringstream text;
    text << std::ifstream(folder.file("log")).rdbuf();
    std::filesystem::remove(folder.file("log"));
    return text.str();
  };
  CHECK_THAT(said(*ManyObservations("flow", 1).prior), !ContainsSubstring("not: "));
  data::PriorOptions options;
  options.kind = data::PriorKind::box;
  options.low = {0.9, -10};  // cuts the posteriors of mass near their centres, (1.1, -1.3) give or take 0.6
  options.high = {10, 10};
  CHECK_THAT(said(*data::make_prior(options, 2)),
             ContainsSubstring("mass (skewness") && !ContainsSubstring("age (skewness"));
}

TEST_CASE("a wrong prior score shows in the posterior of several observations", "[sample][together]") {
  const ManyObservations many("flow", 10);
  const auto wide =
      data::make_prior(normal_prior({0.5, -0.5}, {50, 50}), 2);  // as if n - 1 priors were left out
  const auto [mean, deviation] = many.errors(*wide, 2000);
  CHECK((mean > 0.15 || deviation > 0.07));
  const auto moved = data::make_prior(normal_prior({1.5, -0.5}, {1.2, 2}), 2);
  CHECK(many.errors(*moved, 2000).first > 0.5);
}

TEST_CASE("the denoiser of a prior is the mean of theta given its noisy value", "[sample][together]") {
  // By Simpson's rule over the support in fine steps.
  const auto by_integral = [](const data::Prior& prior, double low, double high, double u, double a,
                              double b) {
    double total = 0, sum = 0;
    constexpr int steps = 200000;
    for (int i = 0; i <= steps; ++i) {
      const double z = low + (high - low) * i / steps, weight = i == 0 || i == steps ? 1 : 2 + 2 * (i % 2);
      const double p = weight * std::exp(prior.log_prob(std::vector{z}) - std::pow((u - a * z) / b, 2) / 2);
      total += p;
      sum += p * z;
    }
    return sum / total;
  };
  data::PriorOptions box;
  box.kind = data::PriorKind::box;
  box.low = {-0.4};
  box.high = {1.3};
  data::PriorOptions lognormal = normal_prior({0.1}, {0.5});
  lognormal.kind = data::PriorKind::lognormal;
  const data::Standardiser units{{0}, {1}};
  for (const auto& [options, low, high, tolerance] :
       {std::tuple{box, -0.4, 1.3, 5e-6}, std::tuple{normal_prior({0.2}, {0.7}), -8.0, 8.0, 1e-6},
        std::tuple{lognormal, 1e-9, 20.0, 0.01}}) {  // the last by 256 intervals
    const auto prior = data::make_prior(options, 1);
    const sample::PriorDenoiser denoiser(*prior, units);
    for (const auto& [u, a, b] :
         {std::tuple{0.3, 1.0, 0.5}, {0.9, 0.7, 0.3}, {0.4, 0.2, 0.98}, {0.1, 0.01, 1.0}, {1.2, 0.99, 0.1}}) {
      CAPTURE(u, a, b, low);
      CHECK_THAT(denoiser.denoised(0, u, a, b),
                 WithinAbs(by_integral(*prior, low, high, u, a, b), tolerance));
    }
  }
  const auto prior = data::make_prior(box, 1);
  const sample::PriorDenoiser denoiser(*prior, {{0.2}, {2}});
  CHECK_THAT(denoiser.variance(0), WithinAbs(1.7 * 1.7 / 12 / 4, 1e-12));
  CHECK(denoiser.denoised(0, 1e4, 1, 1e-3) == (1.3 - 0.2) / 2);  // far outside: the nearest end
  CHECK(denoiser.denoised(0, -1e4, 1, 1e-3) == (-0.4 - 0.2) / 2);
}

TEST_CASE("priors without a score are refused", "[sample][together]") {
  data::PriorOptions custom;
  custom.kind = data::PriorKind::custom;
  custom.low = {0};
  custom.high = {1};
  const data::Standardiser units{{0}, {1}};
  CHECK_THROWS_WITH(sample::PriorDenoiser(*data::make_prior(custom, 1), units),
                    ContainsSubstring("without a density"));
  data::PriorOptions fractions;
  fractions.kind = data::PriorKind::parameters;
  fractions.parameters = data::PriorParts{{{"dirichlet", {}, {{"concentration", {1, 2, 3}}}}}};
  CHECK_THROWS_WITH(sample::PriorDenoiser(*data::make_prior(fractions, 2), {{0, 0}, {1, 1}}),
                    ContainsSubstring("group of dependent parameters (dirichlet)"));
}
