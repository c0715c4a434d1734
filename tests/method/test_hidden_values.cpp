// Missing values in training batches.
#include <limits>

#include <ATen/Functions.h>

#include "method/diffusion.hpp"
#include "method/flow_matching.hpp"
#include "method/hidden_values.hpp"
#include "support/catch.hpp"

namespace {

using namespace fluxsbi;
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

TEST_CASE("a conditional row loses the values whose numbers lie below the rate", "[method][missing]") {
  const HiddenValues cells(0.25, false, 2, 3, 1);
  CHECK(cells.numbers() == std::vector<int64_t>{3, 1});
  method::Batch batch;
  batch.obs = row({5, 6});
  batch.cond = row({1, nan, 3});
  cells.apply(batch, row({0.2F, 0.9F, 0.3F}));
  CHECK(at::isnan(batch.cond).equal(marks({1, 1, 0})));
  CHECK(batch.obs.equal(row({5, 6})));
  CHECK(HiddenValues(0, false, 2, 3, 1).numbers().empty());
}

TEST_CASE("a joint token without a value is 0 at every time, is not given and carries no loss",
          "[method][missing]") {
  const HiddenValues cells(0.25, true, 2, 3, 1);
  CHECK(cells.numbers() == std::vector<int64_t>{3});
  const method::FlowMatching flow({});
  const method::Diffusion diffusion({});
  for (const method::Method* of :
       {static_cast<const method::Method*>(&flow), static_cast<const method::Method*>(&diffusion)}) {
    CAPTURE(of->name());
    method::Batch batch;
    batch.obs = row({5, 6, 1, nan, 3});
    batch.condition_mask = marks({0, 0, 1, 1, 0});
    cells.apply(batch, at::tensor({0.9F, 0.9F, 0.2F}).view({1, 3}));
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
