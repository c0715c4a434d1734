// Classifier-free guidance, with analytic networks in place of the conditional and the unconditional one.
#include <cmath>
#include <vector>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "core/error.hpp"
#include "method/flow_matching.hpp"
#include "sample/draw.hpp"
#include "sample/exact_network.hpp"
#include "sample/fields.hpp"
#include "sample/solver/solver.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

// A few float32 products of numbers of order one, times the factors of ve's highest noise levels.
constexpr double rounding = 1e-4;

at::Tensor with(const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
  return at::sin(x) + t.view({-1, 1, 1}).clamp(-1, 1);
}
at::Tensor without(const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
  return at::cos(2 * x) - t.view({-1, 1, 1}).clamp(-1, 1);
}

sample::Evaluate counted(const sample::Evaluate& network, int64_t& calls) {
  return [network, &calls](const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) {
    ++calls;
    return network(t, x, rows);
  };
}

at::Tensor state() {
  return at::linspace(-1.3, 1.7, 6).view({3, 2, 1});
}

double apart(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs() / (1 + b.abs())).max().item<double>();
}

// Posteriors N(row / 2 - 1, 0.3^2) of rows whose theta is N(0, 0.8^2) altogether, in standardised units.
struct Posteriors {
  method::FlowMatching flow{{}};
  data::Standardiser theta{{0, 0}, {1, 1}};
  bool learned = true;

  static sample::Evaluate normal(const at::Tensor& mean, double deviation) {
    const at::Tensor std = at::full({1, 1, 1}, deviation, at::kFloat);
    return [=](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
      const bool some = active.defined() && mean.size(0) > 1;
      return test::gaussian_velocity(t, x, some ? mean.index_select(0, active) : mean, std);
    };
  }

  sample::Samples draw(const sample::Amount& amount, const sample::SamplingOptions& options) const {
    sample::Source source;
    source.method = &flow;
    source.bind = [this](std::span<const int64_t> chosen) -> sample::Bound {
      std::vector<float> means;
      for (const int64_t row : chosen) means.push_back(static_cast<float>(row) / 2 - 1);
      sample::Bound bound{normal(at::tensor(means).view({-1, 1, 1}), 0.3)};
      if (learned) bound.unconditional = normal(at::zeros({1, 1, 1}), 0.8);
      return bound;
    };
    source.frame = sample::Frame(theta);
    source.tokens = source.kept = 2;
    return sample::draw(source, amount, options);
  }
};

}  // namespace

TEST_CASE("velocity and denoiser are guided in proportion to the scale, on the paths of all methods",
          "[sample][guidance]") {
  const std::string name = GENERATE(from_range(test::method_names()));
  const double scale = GENERATE(0.0, 1.0, 3.0);
  CAPTURE(name, scale);
  const auto path = test::method_named(name)->path();
  const sample::PathEquation conditional(*path, with), unconditional(*path, without),
      guided(*path, with, {}, {without, scale});
  const double t = path->time(0.4);
  const auto mixed = [&](const at::Tensor& a, const at::Tensor& b) { return b + scale * (a - b); };
  const at::Tensor x = state(), times = sample::time_for(t, x);
  CHECK(apart(guided.slope(times, x, {}),
              mixed(conditional.slope(times, x, {}), unconditional.slope(times, x, {}))) < rounding);
  CHECK(apart(guided.denoised(t, x), mixed(conditional.denoised(t, x), unconditional.denoised(t, x))) <
        rounding);
  CHECK(apart(guided.along(t, x, 0.5, 2),
              mixed(conditional.along(t, x, 0.5, 2), unconditional.along(t, x, 0.5, 2))) < rounding);
  CHECK(apart(conditional.slope(times, x, {}), unconditional.slope(times, x, {})) > 1e2 * rounding);
}

TEST_CASE("at scale 1 the unconditional network is not asked and every bit is as without guidance",
          "[sample][guidance]") {
  const auto path = test::method_named("flow")->path();
  int64_t calls = 0;
  const sample::PathEquation plain(*path, with), off(*path, with, {}, {counted(without, calls), 1});
  const auto end = [&](const sample::PathEquation& equation) {
    return sample::sample_path(sample::find_solver("rk4"), equation, state(), {}).x;
  };
  CHECK(end(off).equal(end(plain)));
  CHECK(calls == 0);
}

TEST_CASE("outside its noise levels guidance changes nothing and asks no unconditional network",
          "[sample][guidance]") {
  const auto path = test::method_named("flow")->path();
  int64_t calls = 0, all = 0;
  // noise / signal = (1 - t) / t is from 0.5 to 3 where t is from 1/4 to 2/3: 5 of 13, 6 of 13, ..., 4 of 13
  // to 8 of 13.
  const sample::PathEquation limited(*path, counted(with, all), {}, {counted(without, calls), 2, 0.5, 3});
  const sample::PathEquation plain(*path, with), guided(*path, with, {}, {without, 2});
  sample::SolverOptions options;
  options.steps = 13;
  sample::sample_path(sample::find_solver("euler"), limited, state(), options);
  CHECK(all == 13);
  CHECK(calls == 5);
  const at::Tensor x = state();
  for (const double t : {0.0, 0.2, 0.7, 0.99}) {
    const at::Tensor times = sample::time_for(t, x);
    CHECK(limited.slope(times, x, {}).equal(plain.slope(times, x, {})));
  }
  for (const double t : {0.3, 0.6}) {
    const at::Tensor times = sample::time_for(t, x);
    CHECK(limited.slope(times, x, {}).equal(guided.slope(times, x, {})));
  }
  CHECK(calls == 7);
}

TEST_CASE("rows at times of their own are guided each by its own level", "[sample][guidance]") {
  const auto path = test::method_named("flow")->path();
  at::Tensor asked;
  const auto witness = [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) {
    asked = rows;
    return without(t, x, rows);
  };
  const sample::PathEquation limited(*path, with, {}, {witness, 2, 0.5, 3});
  const sample::PathEquation plain(*path, with), guided(*path, with, {}, {without, 2});
  const at::Tensor x = state(), times = at::tensor({0.1f, 0.5f, 0.9f}),
                   rows = at::tensor({4, 7, 9}, at::kLong);
  const at::Tensor slope = limited.slope(times, x, rows);
  CHECK(slope[0].equal(plain.slope(times, x, rows)[0]));
  CHECK(slope[1].equal(guided.slope(times, x, rows)[1]));
  CHECK(slope[2].equal(plain.slope(times, x, rows)[2]));
  CHECK(asked.equal(rows));
  CHECK_FALSE(slope[1].equal(plain.slope(times, x, rows)[1]));
}

TEST_CASE("an adaptive solver guides a row alike alone and among others", "[sample][guidance][dopri5]") {
  const auto path = test::method_named("flow")->path();
  const sample::PathEquation limited(*path, with, {}, {without, 2, 0.5, 3});
  const auto& dopri5 = sample::find_solver("dopri5");
  const auto together = sample::sample_path(dopri5, limited, state(), {});
  REQUIRE_FALSE(together.failed.any().item<bool>());
  for (int64_t row = 0; row < 3; ++row) {
    CHECK(sample::sample_path(dopri5, limited, state().narrow(0, row, 1), {}).x[0].equal(together.x[row]));
  }
}

TEST_CASE("scale 0 draws theta without the observation, and all evaluations are counted",
          "[sample][guidance]") {
  const Posteriors posteriors;
  const int64_t rows = 3, draws = 3000;
  sample::SamplingOptions options;
  options.solver = GENERATE("midpoint", "dpmpp_2m", "euler_maruyama");
  options.steps = 100;
  const auto draw = [&](double scale) {
    options.guidance_scale = scale;
    return posteriors.draw({rows, draws, 5, 0, 4000}, options);
  };
  const auto plain = draw(1), none = draw(0);
  CHECK(none.evaluations == 2 * plain.evaluations);
  for (int64_t row = 0; row < rows; ++row) {
    const auto values = [&](const sample::Samples& samples) {
      return at::tensor(samples.values).view({rows, 2 * draws})[row].to(at::kDouble);
    };
    // Five standard errors of 6000 numbers, and up to 2 % that 100 steps cost.
    CHECK(std::abs(values(plain).mean().item<double>() - (static_cast<double>(row) / 2 - 1)) < 0.04);
    CHECK(std::abs(values(plain).std().item<double>() - 0.3) < 0.025);
    CHECK(std::abs(values(none).mean().item<double>()) < 0.07);
    CHECK(std::abs(values(none).std().item<double>() - 0.8) < 0.055);
  }
}

TEST_CASE("a model that learned no null condition is not guided", "[sample][guidance][errors]") {
  Posteriors posteriors;
  posteriors.learned = false;
  sample::SamplingOptions options;
  CHECK(posteriors.draw({1, 4, 0, 0, 4}, options).unfilled() == 0);
  options.guidance_scale = 2;
  CHECK_THROWS_WITH(
      posteriors.draw({1, 4, 0, 0, 4}, options),
      ContainsSubstring("sampling.guidance_scale = 2") && ContainsSubstring("strategy.condition_drop_rate"));
}

TEST_CASE("a config's guidance needs a drop rate and noise levels in order", "[sample][guidance][errors]") {
  const auto problem = [](const std::string& yaml, double rate) -> std::string {
    const config::Value document = config::parse_yaml(yaml, "a.yaml");
    config::Reader reader(document);
    sample::SamplingOptions options;
    method::StrategyOptions strategy;
    strategy.condition_drop_rate = rate;
    reader.read(sample::sampling_table(), options);
    sample::check(options, method::FlowMatching({}), strategy, reader);
    try {
      reader.finish();
    } catch (const core::UserError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(problem("sampling: {guidance_scale: 3, guidance_min: 0.1, guidance_max: 5}", 0.1).empty());
  CHECK_THAT(problem("sampling: {guidance_scale: 3}", 0),
             ContainsSubstring("a.yaml:1:28") && ContainsSubstring("strategy.condition_drop_rate"));
  CHECK_THAT(problem("sampling: {guidance_scale: -1}", 0.1), ContainsSubstring("sampling.guidance_scale"));
  CHECK_THAT(problem("sampling: {guidance_min: 2, guidance_max: 1}", 0.1),
             ContainsSubstring("sampling.guidance_max must not be below guidance_min = 2"));
}
