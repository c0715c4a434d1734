// What the trainer does with condition masks.
#include <vector>

#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "train/toy_steps.hpp"
#include "train/validation.hpp"

namespace {

using namespace fluxsbi;
using test::ToyRun;

// Flow matching that keeps the batches it was asked about.
class WitnessedMethod : public method::FlowMatching {
 public:
  using method::FlowMatching::FlowMatching;
  engine::Regression regression(const method::Batch& batch, const method::Noise& noise) const override {
    auto problem = method::FlowMatching::regression(batch, noise);
    masks.push_back(batch.condition_mask.clone());
    rows.push_back(batch.obs.clone());
    inputs.push_back(problem.inputs.obs.clone());
    weights.push_back(problem.weight.clone());
    return problem;
  }
  mutable std::vector<at::Tensor> masks, rows, inputs, weights;
};

struct JointSteps {
  explicit JointSteps(const test::TemporaryFolder& folder, int64_t multistep = 1, double x_noise = 0) {
    run.training.multistep = multistep;
    run.training.x_noise = run.training.x_noise_end.emplace(x_noise);
    setup = run.joint_setup(folder.path());
    steps = std::make_unique<test::ToySteps>(setup, run.training, *setup.engine, method);
  }
  void take(int64_t number) { steps->take(number); }

  ToyRun run;
  WitnessedMethod method{method::FlowMatchingOptions{}};
  train::TrainingSetup setup;
  std::unique_ptr<test::ToySteps> steps;
};

TEST_CASE("condition masks depend on seed and step alone, and differ from batch to batch", "[train][joint]") {
  const test::TemporaryFolder folder;
  JointSteps one(folder, 2), other(folder, 2);
  for (const int64_t number : {0, 1, 7}) one.take(number);
  other.take(7);
  CHECK(one.method.masks[4].equal(other.method.masks[0]));
  CHECK(one.method.masks[5].equal(other.method.masks[1]));
  CHECK_FALSE(one.method.masks[4].equal(one.method.masks[5]));
  CHECK_FALSE(one.method.masks[0].equal(one.method.masks[2]));
}

TEST_CASE("given tokens are fed clean, carry no loss, and leave every row its weight", "[train][joint]") {
  const test::TemporaryFolder folder;
  JointSteps steps(folder);
  steps.take(0);
  const at::Tensor mask = steps.method.masks[0], rows = steps.method.rows[0], fed = steps.method.inputs[0];
  REQUIRE(mask.any().item<bool>());
  CHECK(at::where(mask, fed, rows).equal(rows));
  CHECK_FALSE(at::where(mask, rows, fed).equal(rows));
  const at::Tensor weight = steps.method.weights[0].expand_as(rows);
  CHECK(at::where(mask, weight, at::zeros_like(weight)).abs().sum().item<double>() == 0);
  CHECK(at::allclose(weight.sum({1, 2}), at::full({rows.size(0)}, 1.0 / static_cast<double>(rows.size(0)))));
}

TEST_CASE("x has noise where it is given, and not where it is asked for", "[train][joint]") {
  const test::TemporaryFolder folder, other_folder;
  JointSteps clean(folder), noisy(other_folder, 1, /*x_noise=*/0.1);
  for (JointSteps* steps : {&clean, &noisy}) {
    for (const int64_t number : {0, 1, 2, 3}) steps->take(number);
  }
  at::Tensor added = at::zeros({0});
  for (size_t step = 0; step < 4; ++step) {
    const at::Tensor mask = noisy.method.masks[step],
                     change = noisy.method.rows[step] - clean.method.rows[step];
    CHECK(mask.equal(clean.method.masks[step]));
    CHECK(change.select(1, 0).abs().max().item<double>() == 0);  // theta
    const at::Tensor of_x = change.select(1, 1), given = mask.select(1, 1).expand_as(of_x);
    CHECK(of_x.masked_select(given.logical_not()).abs().max().item<double>() == 0);
    added = at::cat({added, of_x.masked_select(given)});
  }
  REQUIRE(added.numel() > 40);
  CHECK_THAT(added.std().item<double>(), Catch::Matchers::WithinAbs(0.1, 0.03));
}

TEST_CASE("validation has the same masks every time, some of each kind", "[train][joint]") {
  const test::TemporaryFolder folder;
  JointSteps steps(folder);
  train::Validation validation(*steps.setup.ema_engine, steps.method, steps.setup.data, 0);
  CHECK(validation.loss() == validation.loss());
  CHECK(steps.method.masks[0].equal(steps.method.masks[1]));
  const at::Tensor given = steps.method.masks[0].squeeze(2).sum({0});
  CHECK(given.min().item<int64_t>() > 0);
  CHECK(given.max().item<int64_t>() < steps.run.validation_rows);
}

}  // namespace
