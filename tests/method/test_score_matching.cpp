#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "config/value.hpp"
#include "core/error.hpp"
#include "method/score_matching.hpp"
#include "support/catch.hpp"
#include "support/enum_named.hpp"

using namespace fluxsbi;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;
using test::enum_named;

namespace {

method::ScoreMatching score_matching(const std::string& sde, bool scaled = true,
                                     const std::string& weighting = "likelihood") {
  method::ScoreMatchingOptions options;
  options.sde = enum_named<method::ScoreSde>(sde);
  options.scaled = scaled;
  options.weighting = enum_named<method::ScoreWeighting>(weighting);
  return method::ScoreMatching(options);
}

std::vector<std::string> warnings_of(const std::string& yaml) {
  const config::Value document = config::parse_yaml(yaml, "test.yaml");
  config::Reader reader(document);
  method::StrategyOptions strategy;
  reader.read(method::strategy_table(), strategy);
  method::make_spec("score_matching")->read(reader);
  return reader.finish();
}

}  // namespace

TEST_CASE("the regression of score matching is the one computed by hand", "[method][score]") {
  // ve with sigma from 0.01 to 1 at t = 1/2: std = 0.1, g^2 = 2 ln(100) 0.01. One row x1 = (2, 0), n = (1,
  // -1).
  method::ScoreMatchingOptions options;
  options.weighting = method::ScoreWeighting::likelihood;
  options.output = method::ScoreOutput::noise;
  options.sigma_min = 0.01;
  options.sigma_max = 1;
  const method::Batch batch{at::tensor({2.f, 0.f}).view({1, 2, 1}), {}, {}, {}};
  const at::Tensor normal = at::tensor({1.f, -1.f}).view({1, 2, 1}), t = at::tensor({0.5f});
  const auto scaled = method::ScoreMatching(options).regression_at(batch, normal, t);
  const double c = 1 / std::sqrt(1.01);
  CHECK(scaled.inputs.t.item<double>() == 0.5);
  CHECK(scaled.inputs.obs.view(-1)[0].item<double>() == Approx(2.1 * c));
  CHECK(scaled.inputs.obs.view(-1)[1].item<double>() == Approx(-0.1 * c));
  CHECK(scaled.target.view(-1)[0].item<double>() == Approx(-1));
  // A network that says 0: g^2 |n / std|^2 = 2 ln(100) 0.01 * 200.
  const double loss = (scaled.target.square() * scaled.weight).sum().item<double>();
  CHECK(loss == Approx(4 * std::log(100.0)));
  options.output = method::ScoreOutput::denoised;
  const auto clean = method::ScoreMatching(options).regression_at(batch, normal, t);
  CHECK(clean.inputs.obs.view(-1)[0].item<double>() == Approx(2.1 * c));
  CHECK(clean.target.view(-1)[0].item<double>() == Approx(c * (0.1 * 2 - 1)));
  CHECK(clean.target.view(-1)[1].item<double>() == Approx(c));
  // The same weight of the score, which moves by c / 0.1 for each unit of F.
  CHECK(clean.weight.view(-1)[0].item<double>() == Approx(scaled.weight.view(-1)[0].item<double>() / 1.01));
  options.output = method::ScoreOutput::score;
  const auto raw = method::ScoreMatching(options).regression_at(batch, normal, t);
  CHECK(raw.inputs.obs.view(-1)[0].item<double>() == Approx(2.1));
  CHECK(raw.target.view(-1)[1].item<double>() == Approx(10));
  CHECK((raw.target.square() * raw.weight).sum().item<double>() == Approx(loss));
}

TEST_CASE("times of training and steps are even in the logarithm of the noise level", "[method][score]") {
  method::ScoreMatchingOptions options;
  options.sde = GENERATE(method::ScoreSde::vp, method::ScoreSde::ve);
  options.times = method::ScoreTimes::log_noise;
  const method::ScoreMatching method(options);
  const auto path = method.path();
  const auto log_ratio = [&](const at::Tensor& t) {
    const method::Level level = path->level(t.to(at::kDouble));
    return at::log(level.noise / level.signal);
  };
  const at::Tensor uniform = at::tensor({0.1, 0.3, 0.5, 0.7, 0.9}, at::kDouble);
  const method::Batch batch{at::zeros({5, 1, 1}, at::kDouble), {}, {}, {}};
  const at::Tensor t = method.regression(batch, {at::zeros({5, 1, 1}, at::kDouble), uniform}).inputs.t;
  const at::Tensor steps = log_ratio(t).diff();
  CHECK((steps - steps[0]).abs().max().item<double>() < 1e-9);
  CHECK(steps[0].item<double>() > 1);  // a fifth of nine orders of e or more
  for (int64_t i = 0; i < 5; ++i) {    // sampling takes them backwards
    CHECK(path->time(1 - uniform[i].item<double>()) == Approx(t[i].item<double>()).epsilon(1e-9));
  }
}

TEST_CASE("training levels can be normal in the logarithm, cut at the ends of the path", "[method][score]") {
  method::ScoreMatchingOptions options;
  options.sde = GENERATE(method::ScoreSde::vp, method::ScoreSde::ve);
  options.times = method::ScoreTimes::log_normal;
  options.sigma_mean = -1;
  options.sigma_std = 1.5;
  const method::ScoreMatching method(options);
  const auto path = method.path();
  constexpr int64_t n = 2000;
  const at::Tensor uniform = (at::arange(n, at::kDouble) + 0.5) / n;
  method::Batch batch;
  batch.obs = at::zeros({n, 1, 1}, at::kDouble);
  const at::Tensor t = method.regression(batch, {at::zeros({n, 1, 1}, at::kDouble), uniform}).inputs.t;
  const method::Level level = path->level(t);
  const at::Tensor logarithm = at::log(level.noise / level.signal);
  // Ends at -6.9 and 2.7 (ve), -6.9 and 5 (vp) cut a share of 0.007 off at most.
  CHECK(std::abs(logarithm[n / 2].item<double>() + 1) < 0.05);
  CHECK(std::abs(logarithm[static_cast<int64_t>(0.841 * n)].item<double>() - 0.5) < 0.05);
  CHECK(std::abs(logarithm[static_cast<int64_t>(0.159 * n)].item<double>() + 2.5) < 0.05);
  const at::Tensor ends =
      method.regression({at::zeros({2, 1, 1})}, {at::zeros({2, 1, 1}), at::tensor({0.0F, 1.0F})}).inputs.t;
  CHECK(ends.min().item<float>() >= static_cast<float>(path->end()));
  CHECK(ends.max().item<float>() <= 1);
}

TEST_CASE("weighting by the noise gives every time the same weight", "[method][score]") {
  const std::string sde = GENERATE("vp", "ve");
  const method::Batch batch{at::randn({4, 3, 1}), {}, {}, {}};
  const auto problem = score_matching(sde, true, "noise")
                           .regression_at(batch, at::randn({4, 3, 1}), at::tensor({0.01f, 0.2f, 0.6f, 1.f}));
  CHECK(at::allclose(problem.weight, at::full_like(problem.weight, 0.25)));  // 1 / rows
}

TEST_CASE("weighting by the denoised data is that of diffusion", "[method][score]") {
  method::ScoreMatchingOptions options;
  options.sde = GENERATE(method::ScoreSde::vp, method::ScoreSde::ve);
  options.output =
      GENERATE(method::ScoreOutput::denoised, method::ScoreOutput::noise, method::ScoreOutput::score);
  const method::ScoreMatching method(options);
  const method::Batch batch{at::randn({3, 2, 1}, at::kDouble), {}, {}, {}};
  const double last =
      options.output == method::ScoreOutput::denoised ? 1 : 0.7;  // the others' ratio is capped
  const at::Tensor t = at::tensor({0.1, 0.4, last}, at::kDouble), noise = at::randn({3, 2, 1}, at::kDouble);
  const auto problem = method.regression_at(batch, noise, t);
  const at::Tensor output = at::randn({3, 2, 1}, at::kDouble), times = t.view({-1, 1, 1});
  const method::Level level = method.path()->level(times);
  const at::Tensor ratio = level.noise / level.signal;
  const method::Linear denoised = method.path()->denoised(times);
  const at::Tensor data =
      denoised.x * (level.signal * batch.obs + level.noise * noise) + denoised.network * output;
  // EDM's weight of the denoised data's error, for data of deviation 1; a sum of 2 elements, a mean of 3
  // rows.
  const at::Tensor expected = (1 + 1 / ratio.square()) * (data - batch.obs).square();
  const at::Tensor loss = problem.weight * (output - problem.target).square();
  CHECK(at::allclose(loss, expected / 3));
}

TEST_CASE("weighting by the denoised data is bounded where vp has next to no signal left",
          "[method][score]") {
  const auto method = score_matching("vp", true, "denoised");
  const method::Batch batch{at::zeros({1, 2, 1}), {}, {}, {}};
  const auto problem = method.regression_at(batch, at::ones({1, 2, 1}), at::tensor({1.0F}));
  CHECK(at::allclose(problem.weight, at::full_like(problem.weight, 1 + 15 * 15), 1e-4));
}

TEST_CASE("score matching feeds conditioned tokens clean and without loss", "[method][score]") {
  const auto method = score_matching(GENERATE("vp", "ve"), GENERATE(true, false));
  method::Batch all{at::randn({2, 4, 2}), {}, {}, {}}, masked = all;
  masked.condition_mask = at::zeros({2, 4, 1}, at::kBool);
  masked.condition_mask[0][1] = true;
  masked.condition_mask[1] = true;  // nothing to learn in this row
  const method::Noise noise{at::randn({2, 4, 2}), at::rand({2})};
  const auto without = method.regression(all, noise), with = method.regression(masked, noise);
  CHECK(with.inputs.obs.equal(at::where(masked.condition_mask, all.obs, without.inputs.obs)));
  const at::Tensor factor = at::tensor({4.0F / 3, 0.0F, 4.0F / 3, 4.0F / 3, 0.0F, 0.0F, 0.0F, 0.0F});
  CHECK(at::allclose(with.weight, without.weight * factor.view({2, 4, 1})));
}

TEST_CASE("scores stay finite for the smallest and largest uniform numbers", "[method][score]") {
  const auto method = score_matching(GENERATE("vp", "ve", "vp_published"), GENERATE(true, false));
  CAPTURE(config::name_of(method.options().sde));
  const method::Batch batch{at::randn({2, 3, 1}), {}, {}, {}};
  const auto problem = method.regression(batch, {at::randn({2, 3, 1}), at::tensor({0x1p-25f, 1 - 0x1p-24f})});
  for (const at::Tensor& part : {problem.inputs.obs, problem.target, problem.weight}) {
    CHECK(part.isfinite().all().item<bool>());
  }
}

TEST_CASE("a score path moves as its levels say and starts as its data end", "[method][score]") {
  // For one data point the score is -(x - mean x1) / std^2; dx/dt must be the slope of mean x1 + std n.
  const std::string sde = GENERATE("vp", "ve", "vp_published");
  CAPTURE(sde);
  const auto path = score_matching(sde, GENERATE(true, false)).path();
  constexpr double data = 0.7, noise = -1.1;
  const auto state = [&](const at::Tensor& t) {
    const method::Level level = path->level(t);
    return level.signal * data + level.noise * noise;
  };
  for (const double part : {0.0, 0.3, 0.9}) {
    const at::Tensor t = at::full({1}, path->time(part), at::kDouble), h = t * 1e-5;
    const method::Linear velocity = path->velocity(t), clean = path->denoised(t);
    const at::Tensor x = state(t), network = (data - clean.x * x) / clean.network;
    const at::Tensor slope = (state(t + h) - state(t - h)) / (2 * h);
    CHECK((velocity.x * x + velocity.network * network).item<double>() ==
          Approx(slope.item<double>()).epsilon(1e-6));
    const method::Level level = path->level(t);
    CHECK(path->time_of((level.noise / level.signal).item<double>()) ==
          Approx(t.item<double>()).epsilon(1e-9));
  }
}

TEST_CASE("the default paths end at the prior, and the published one is warned of", "[method][score]") {
  const auto left = [](const std::string& sde) {  // data's share at the start of sampling
    const auto path = score_matching(sde).path();
    const method::Level level = path->level(at::full({1}, path->start(), at::kDouble));
    return (level.signal / path->initial_scale()).item<double>();
  };
  CHECK(left("vp") < 0.01);
  CHECK(left("ve") < 0.07);
  CHECK(left("vp_published") > 0.4);
  CHECK(warnings_of("strategy: {method: score_matching, sde: vp}").empty());
  const auto warnings = warnings_of("strategy: {method: score_matching, sde: vp_published}");
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), ContainsSubstring("biased") && ContainsSubstring("0.47"));
  const auto overruled =
      warnings_of("strategy: {method: score_matching, sde: vp_published, weighting: noise}");
  REQUIRE(overruled.size() == 2);
  CHECK_THAT(overruled.front() + overruled.back(), ContainsSubstring("strategy.weighting"));
  method::ScoreMatchingOptions published;
  published.sde = method::ScoreSde::vp_published;
  const method::ScoreMatching method(published);
  CHECK(method.options().times == method::ScoreTimes::uniform);
  CHECK(method.options().weighting == method::ScoreWeighting::likelihood);
}

TEST_CASE("levels in the wrong order and a vp that starts without noise are refused", "[method][score]") {
  CHECK_THROWS_WITH(warnings_of("strategy: {method: score_matching, beta_min: 30}"),
                    ContainsSubstring("strategy.beta_min") && ContainsSubstring("test.yaml:1"));
  CHECK_THROWS_WITH(warnings_of("strategy: {method: score_matching, sigma_min: 90}"),
                    ContainsSubstring("below sigma_max = 80"));
  CHECK_THROWS_WITH(warnings_of("strategy: {method: score_matching, sde: vp, time_min: 0}"),
                    ContainsSubstring("strategy.time_min"));
  CHECK_THROWS_WITH(warnings_of("strategy: {method: score_matching, sde: vpp}"),
                    ContainsSubstring("did you mean 'vp'"));
}

TEST_CASE("an error of the network is no larger in the denoised data, however much noise there is",
          "[method][score]") {
  method::ScoreMatchingOptions options;
  options.sde = GENERATE(method::ScoreSde::vp, method::ScoreSde::ve);
  const at::Tensor t = (at::arange(1, 101, at::kDouble) / 100).view({-1, 1, 1});
  const auto largest = [&] {
    return method::ScoreMatching(options).path()->denoised(t).network.abs().max().item<double>();
  };
  CHECK(largest() <= 1);
  options.output = method::ScoreOutput::noise;
  CHECK(largest() > 50);
}

TEST_CASE("the older key scaled says what the network's output is", "[method][score]") {
  const auto resolved = [](const std::string& lines) {
    const config::Value document =
        config::parse_yaml("strategy: {method: score_matching" + lines + "}", "a.yaml");
    config::Reader reader(document);
    method::StrategyOptions strategy;
    reader.read(method::strategy_table(), strategy);
    const auto spec = method::make_spec("score_matching");
    spec->read(reader);
    reader.finish();
    config::Writer writer;
    spec->write(writer);
    return writer.text();
  };
  CHECK_THAT(resolved(""), ContainsSubstring("output: \"denoised\"") && ContainsSubstring("scaled: null"));
  CHECK_THAT(resolved(", scaled: true"),
             ContainsSubstring("output: \"noise\"") && ContainsSubstring("scaled: null"));
  CHECK_THAT(resolved(", scaled: false"), ContainsSubstring("output: \"score\""));
  CHECK_THAT(resolved(", scaled: null, output: score"), ContainsSubstring("output: \"score\""));
  CHECK_THROWS_WITH(resolved(", scaled: true, output: denoised"),
                    ContainsSubstring("contradicts strategy.output"));
}
