#include <cmath>
#include <limits>
#include <map>

#include <malloc.h>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "engine/weights.hpp"
#include "support/catch.hpp"
#include "train/toy_training.hpp"
#include "train/validation.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::ToyRun;

// A method whose target is broken from one step on.
class BreakingMethod : public test::ToyMethod {
 public:
  explicit BreakingMethod(int64_t calls) : left_(calls) {}
  engine::Regression regression(const method::Batch& batch, const method::Noise& noise) const override {
    auto problem = ToyMethod::regression(batch, noise);
    if (--left_ <= 0) problem.target = problem.target * std::numeric_limits<double>::quiet_NaN();
    return problem;
  }

 private:
  mutable int64_t left_;
};

// An engine that says of chosen validations what their loss was.
class ScriptedLoss : public engine::Engine {
 public:
  ScriptedLoss(std::unique_ptr<engine::Engine> inner, std::vector<double> losses)
      : inner_(std::move(inner)), losses_(std::move(losses)) {}
  std::string_view name() const override { return "scripted"; }
  engine::FlatParameters& parameters() override { return inner_->parameters(); }
  at::Device device() const override { return inner_->device(); }
  // One element [1, 1, 1] of weight 1 and target 0: its square is the loss.
  at::Tensor forward(const model::Inputs& inputs) override {
    const double loss = losses_[std::min(calls_++, losses_.size() - 1)];
    return at::full_like(inputs.obs, std::sqrt(loss));
  }
  at::Tensor accumulate_gradient(const engine::Regression& problem, double scale) override {
    return inner_->accumulate_gradient(problem, scale);
  }

 private:
  std::unique_ptr<engine::Engine> inner_;
  std::vector<double> losses_;
  size_t calls_ = 0;
};

class ZeroTarget : public test::ToyMethod {
 public:
  engine::Regression regression(const method::Batch& batch, const method::Noise& noise) const override {
    auto problem = ToyMethod::regression(batch, noise);
    problem.target = at::zeros_like(problem.target);
    return problem;
  }
};

TEST_CASE("training lowers the validation loss in float32 and as well in bfloat16", "[train][trainer]") {
  double best[2] = {};
  for (const bool rounded : {false, true}) {
    const test::TemporaryFolder folder;
    ToyRun run;
    run.rows = 2000;
    run.validation_rows = 1500;  // more than one chunk
    run.training.nsteps = 400;
    run.training.val_every = 50;
    run.training.batch_size = 128;
    run.training.ema_decay = 0.98;
    if (rounded) run.compute = at::kBFloat16;
    auto setup = run.setup(folder.path());
    train::Validation validation(*setup.engine, *setup.method, setup.data, 0);
    const double before = validation.loss();
    const auto result = train::train(setup, std::nullopt);
    best[rounded] = result.best_validation_loss;
    CHECK(result.steps == 400);
    CHECK(result.best_validation_loss < 0.65 * before);
    CHECK(test::metrics_of(folder.path()).back()["val_loss"].get<double>() < 0.65 * before);
  }
  // bfloat16 costs some rounding of the outputs, not the fit: the same loss within 5 %.
  CHECK(std::abs(best[1] - best[0]) < 0.05 * best[0]);
}

TEST_CASE("the model file holds the averaged weights that validated best", "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  auto setup = run.setup(folder.path());
  const auto result = train::train(setup, std::nullopt);
  const auto model = checkpoint::load_model(folder.file("model.safetensors"));
  CHECK(model.step == result.best_step);
  CHECK(model.validation_loss == result.best_validation_loss);
  auto fresh = run.setup(folder.path());
  engine::load_weights(fresh.ema_engine->parameters(), model.weights, "model");
  CHECK(at::equal(fresh.ema_engine->parameters().master, setup.ema_engine->parameters().master));
  train::Validation validation(*fresh.ema_engine, *fresh.method, fresh.data, 0);
  CHECK(validation.loss() == result.best_validation_loss);
}

TEST_CASE("the best weights are kept when later validations are worse", "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.rows = 40;
  auto setup = run.setup(folder.path());
  setup.method = std::make_unique<ZeroTarget>();
  setup.ema_engine =
      std::make_unique<ScriptedLoss>(std::move(setup.ema_engine), std::vector<double>{3, 1, 2, 2});
  const auto result = train::train(setup, std::nullopt);
  CHECK(result.best_step == 30);
  const auto best = checkpoint::load_model(checkpoint::best_path(folder.path()));
  CHECK(best.step == 30);
  const auto final_model = checkpoint::load_model(folder.file("model.safetensors"));
  const auto state = checkpoint::load_state(checkpoint::state_path(folder.path(), 60));
  CHECK((best.weights.at("scale").bytes == final_model.weights.at("scale").bytes));
  CHECK((state.arrays.at("best_ema").bytes != state.arrays.at("ema").bytes));
}

TEST_CASE("early stopping ends after more than val_patience high losses in a row", "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.training.nsteps = 100;
  run.training.val_every = 1;
  run.training.early_stopping = true;
  run.training.val_patience = 2;
  auto setup = run.setup(folder.path());
  setup.method = std::make_unique<ZeroTarget>();
  // best 1; 1.29 is not high at a ratio of 1.3 and breaks the row; then three in a row
  const std::vector<double> losses{1, 1.4, 1.4, 1.29, 1.4, 1.4, 1.5, 9, 9};
  setup.ema_engine = std::make_unique<ScriptedLoss>(std::move(setup.ema_engine), losses);
  const auto result = train::train(setup, std::nullopt);
  CHECK(result.stopped_early);
  CHECK(result.steps == 7);
  CHECK(result.best_step == 1);
  const auto state = checkpoint::load_latest_state(folder.path());
  REQUIRE(state.has_value());
  CHECK(state->step == 7);
  CHECK(train::is_finished(*state, run.training));
  run.training.nsteps = 120;
  CHECK_FALSE(train::is_finished(*state, run.training));
}

TEST_CASE("without early stopping high losses do not end the run", "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.training.val_every = 1;
  run.training.val_patience = 0;
  auto setup = run.setup(folder.path());
  setup.method = std::make_unique<ZeroTarget>();
  setup.ema_engine = std::make_unique<ScriptedLoss>(std::move(setup.ema_engine), std::vector<double>{1, 9});
  CHECK(train::train(setup, std::nullopt).steps == 60);
}

TEST_CASE("a loss that is not finite stops the run with its step and the last good checkpoint",
          "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.training.val_every = 1000;
  auto setup = run.setup(folder.path());
  setup.method = std::make_unique<BreakingMethod>(33);
  CHECK_THROWS_WITH(train::train(setup, std::nullopt), ContainsSubstring("in step 33") &&
                                                           ContainsSubstring("step_00000030.safetensors") &&
                                                           ContainsSubstring("optimizer.max_lr"));
  const auto state = checkpoint::load_latest_state(folder.path());
  REQUIRE(state.has_value());
  CHECK(state->step == 30);
  CHECK(engine::to_tensor(state->arrays.at("master")).isfinite().all().item<bool>());
  CHECK_FALSE(std::filesystem::exists(folder.file("model.safetensors")));
  for (const auto& line : test::metrics_of(folder.path())) CHECK(line["train_loss"].is_number());
}

TEST_CASE("a loss that is not finite before the first checkpoint says that there is none",
          "[train][trainer]") {
  const test::TemporaryFolder folder;
  auto setup = ToyRun().setup(folder.path());
  setup.method = std::make_unique<BreakingMethod>(1);
  CHECK_THROWS_WITH(train::train(setup, std::nullopt), ContainsSubstring("no checkpoint yet"));
}

TEST_CASE("accumulated batches give the gradient of one larger batch", "[train][trainer]") {
  // The same rows in the same order; the noise comes in one stream for the whole step.
  at::Tensor masters[2];
  for (const int64_t multistep : {1, 4}) {
    const test::TemporaryFolder folder;
    ToyRun run;
    run.training.nsteps = 20;
    run.training.multistep = multistep;
    run.training.batch_size = 64 / multistep;
    auto setup = run.setup(folder.path());
    train::train(setup, std::nullopt);
    masters[multistep > 1] = setup.engine->parameters().master.clone();
  }
  // Adam divides by the gradient's own size, so rounding of small gradients shows: 20 steps of 0.01.
  constexpr double tolerance = 1e-4;
  CHECK((masters[0] - masters[1]).abs().max().item<double>() < tolerance);
}

TEST_CASE("the plateau schedule lowers the rate of a run", "[train][trainer]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.take_plateau(4);
  auto setup = run.setup(folder.path());
  train::train(setup, std::nullopt);
  const auto lines = test::metrics_of(folder.path());
  CHECK(lines.front()["lr"].get<double>() > lines.back()["lr"].get<double>());
  CHECK(lines.back()["lr"].get<double>() >= 1e-4);
}

TEST_CASE("metrics stand at every log and validation step", "[train][trainer]") {
  const test::TemporaryFolder folder;
  auto setup = ToyRun().setup(folder.path());
  train::train(setup, std::nullopt);
  std::vector<int64_t> steps, validated;
  for (const auto& line : test::metrics_of(folder.path())) {
    steps.push_back(line["step"]);
    if (line.contains("val_loss")) validated.push_back(line["step"]);
    CHECK(line["grad_norm"].get<double>() > 0);
  }
  CHECK(steps == std::vector<int64_t>{7, 14, 15, 21, 28, 30, 35, 42, 45, 49, 56, 60});
  CHECK(validated == std::vector<int64_t>{15, 30, 45, 60});
}

TEST_CASE("training takes no more memory after many steps than after some", "[train][trainer][slow]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.training.nsteps = 6000;
  run.training.val_every = 500;
  run.training.save_every = 1000;
  run.training.keep_checkpoints = 2;
  auto setup = run.setup(folder.path());
  // Bytes that malloc has given out. One tensor kept a step would be 500 bytes a step; malloc counts the
  // pieces in its threads' caches as given out, which comes and goes.
  const auto allocated = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
  };
  constexpr int64_t early = 2001, late = 5001;  // a step after a checkpoint and a validation
  constexpr double bytes_a_step = 64;
  std::map<int64_t, double> bytes;
  int64_t step = 0;
  setup.stop_requested = [&] {
    if (++step == early || step == late) bytes[step] = allocated();
    return 0;
  };
  train::train(setup, std::nullopt);
  REQUIRE(bytes.size() == 2);
  REQUIRE(bytes[early] > 1e5);  // the networks and data alone
  CHECK((bytes[late] - bytes[early]) / (late - early) < bytes_a_step);
}

}  // namespace
