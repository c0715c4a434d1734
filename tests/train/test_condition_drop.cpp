// Rows whose condition is dropped in training.
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "train/toy_steps.hpp"
#include "train/validation.hpp"

namespace {

using namespace fluxsbi;
using test::ToyRun;

// An engine that keeps what it was asked.
class Witness : public engine::Engine {
 public:
  explicit Witness(std::unique_ptr<engine::Engine> inner) : inner_(std::move(inner)) {}
  std::string_view name() const override { return "witness"; }
  engine::FlatParameters& parameters() override { return inner_->parameters(); }
  at::Device device() const override { return inner_->device(); }
  at::Tensor forward(const model::Inputs& inputs) override {
    keep(inputs);
    return inner_->forward(inputs);
  }
  at::Tensor accumulate_gradient(const engine::Regression& problem, double scale) override {
    keep(problem.inputs);
    return inner_->accumulate_gradient(problem, scale);
  }

  std::vector<at::Tensor> conditioned, states;

 private:
  void keep(const model::Inputs& inputs) {
    conditioned.push_back(inputs.conditioned.defined() ? inputs.conditioned.clone() : at::Tensor());
    states.push_back(inputs.obs.clone());
  }
  std::unique_ptr<engine::Engine> inner_;
};

struct Steps {
  Steps(const test::TemporaryFolder& folder, double rate) {
    run.training.multistep = 2;
    setup = run.setup(folder.path());
    setup.data.condition_drop_rate = rate;
    engine = std::make_unique<Witness>(std::move(setup.engine));
    steps = std::make_unique<test::ToySteps>(setup, run.training, *engine, *setup.method);
  }
  void take(int64_t number) { steps->take(number); }

  ToyRun run;
  train::TrainingSetup setup;
  std::unique_ptr<Witness> engine;
  std::unique_ptr<test::ToySteps> steps;
};

TEST_CASE("rows lose their condition at the rate, from numbers of seed and step alone", "[train][guidance]") {
  const test::TemporaryFolder folder;
  Steps steps(folder, 0.3), other(folder, 0.3);
  for (int64_t number = 0; number < 40; ++number) steps.take(number);
  other.take(7);
  const auto& kept = steps.engine->conditioned;
  CHECK(kept[14].equal(other.engine->conditioned[0]));
  CHECK(kept[15].equal(other.engine->conditioned[1]));
  CHECK_FALSE(kept[14].equal(kept[15]));
  const at::Tensor all = at::cat(kept).to(at::kDouble);
  REQUIRE(all.numel() == 40 * 2 * 32);
  const double error = std::sqrt(0.3 * 0.7 / static_cast<double>(all.numel()));
  CHECK(std::abs(1 - all.mean().item<double>() - 0.3) < 4 * error);
}

TEST_CASE("a drop rate changes no other random number", "[train][guidance]") {
  const test::TemporaryFolder folder;
  Steps with(folder, 0.3), without(folder, 0);
  with.take(5);
  without.take(5);
  CHECK_FALSE(without.engine->conditioned[0].defined());
  CHECK(with.engine->conditioned[0].defined());
  for (size_t i = 0; i < 2; ++i) CHECK(with.engine->states[i].equal(without.engine->states[i]));
}

TEST_CASE("validation drops the same conditions every time, at the rate", "[train][guidance]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.validation_rows = 2000;  // two chunks
  auto setup = run.setup(folder.path());
  setup.data.condition_drop_rate = 0.3;
  Witness witness(std::move(setup.ema_engine));
  train::Validation validation(witness, *setup.method, setup.data, 0);
  CHECK(validation.loss() == validation.loss());
  const auto& kept = witness.conditioned;
  REQUIRE(kept.size() == 4);
  CHECK(kept[0].equal(kept[2]));
  CHECK(kept[1].equal(kept[3]));
  const double dropped = 1 - at::cat({kept[0], kept[1]}).to(at::kDouble).mean().item<double>();
  CHECK(std::abs(dropped - 0.3) < 4 * std::sqrt(0.3 * 0.7 / 2000));
}

TEST_CASE("a run with a drop rate that was stopped and resumed equals one that was not",
          "[train][resume][guidance]") {
  const test::TemporaryFolder whole, parts, never;
  const auto train = [&](const test::TemporaryFolder& folder, double rate, int64_t stop,
                         const std::optional<checkpoint::TrainingState>& state) {
    auto setup = ToyRun().setup(folder.path());
    setup.data.condition_drop_rate = rate;
    if (stop > 0) setup.stop_requested = test::stop_after(stop);
    train::train(setup, state);
    return setup.engine->parameters().master.clone();
  };
  const at::Tensor uncut = train(whole, 0.3, 0, std::nullopt);
  CHECK_THROWS_AS(train(parts, 0.3, 25, std::nullopt), core::Stopped);
  CHECK(train(parts, 0.3, 0, checkpoint::load_latest_state(parts.path())).equal(uncut));
  CHECK_FALSE(train(never, 0, 0, std::nullopt).equal(uncut));
}

}  // namespace
