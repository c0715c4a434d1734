// Missing values in training batches.
#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "method/diffusion.hpp"
#include "method/flow_matching.hpp"
#include "method/hidden_values.hpp"
#include "support/catch.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using method::HiddenValues;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

at::Tensor row(std::vector<float> values) {
  const auto size = static_cast<int64_t>(values.size());
  return at::tensor(values).view({1, size, 1});
}

at::Tensor marks(std::vector<int64_t> values) {
  const auto size = static_cast<int64_t>(values.size());
  return at::tensor(values).view({1, size, 1}).to(at::kBool);
}

TEST_CASE("a conditional row whose own number lies below the root of the rate loses the values whose do",
          "[method][missing]") {
  const HiddenValues cells(0.0625, false, 2, 3, 1);
  CHECK(cells.numbers() == std::vector<int64_t>{4});
  method::Batch batch;
  batch.obs = row({5, 6});
  batch.cond = row({1, nan, 3});
  cells.apply(batch, at::tensor({0.24F, 0.2F, 0.9F, 0.3F}).view({1, 4}));
  CHECK(at::isnan(batch.cond).equal(marks({1, 1, 0})));
  CHECK(batch.obs.equal(row({5, 6})));
  batch.cond = row({1, nan, 3});
  cells.apply(batch, at::tensor({0.26F, 0.2F, 0.2F, 0.2F}).view({1, 4}));
  CHECK(at::isnan(batch.cond).equal(marks({0, 1, 0})));
  CHECK(HiddenValues(0, false, 2, 3, 1).numbers().empty());
}

TEST_CASE("values are hidden at the rate, and most rows are shown as they are", "[method][missing]") {
  const HiddenValues cells(0.05, false, 1, 20, 2);
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  method::Batch batch;
  batch.cond = at::ones({20000, 20, 2});
  cells.apply(batch, at::rand({20000, 41}, generator));
  const at::Tensor hidden = at::isnan(batch.cond);
  // Four standard errors of a mean of 20,000 rows whose shares have a standard deviation of 0.1.
  CHECK_THAT(hidden.to(at::kDouble).mean().item<double>(), WithinAbs(0.05, 0.003));
  const at::Tensor touched = hidden.flatten(1).any(1).to(at::kDouble).mean();
  CHECK_THAT(touched.item<double>(), WithinAbs(std::sqrt(0.05), 0.012));
}

TEST_CASE("a joint token without a value is 0 at every time, is not given and carries no loss",
          "[method][missing]") {
  const HiddenValues cells(0.25, true, 2, 3, 1);
  CHECK(cells.numbers() == std::vector<int64_t>{4});
  const method::FlowMatching flow({});
  const method::Diffusion diffusion({});
  for (const method::Method* of :
       {static_cast<const method::Method*>(&flow), static_cast<const method::Method*>(&diffusion)}) {
    CAPTURE(of->name());
    method::Batch batch;
    batch.obs = row({5, 6, 1, nan, 3});
    batch.condition_mask = marks({0, 0, 1, 1, 0});
    cells.apply(batch, at::tensor({0.2F, 0.9F, 0.9F, 0.2F}).view({1, 4}));
    CHECK(batch.missing.equal(marks({0, 0, 0, 1, 1})));
    const auto problem = method::regression(*of, batch, {at::ones({1, 5, 1}), at::tensor({0.5F})}, 0);
    CHECK(problem.inputs.condition_mask.equal(marks({0, 0, 1, 0, 0})));
    CHECK(problem.inputs.missing.equal(batch.missing));
    CHECK(problem.inputs.obs.narrow(1, 2, 3).equal(row({1, 0, 0})));
    CHECK(problem.target.isfinite().all().item<bool>());
    const at::Tensor weight = problem.weight.expand({1, 5, 1});
    CHECK(weight.narrow(1, 2, 3).abs().sum().item<double>() == 0);
    CHECK(weight.narrow(1, 0, 2).min().item<double>() > 0);
  }
}

}  // namespace
