// A signal between the parts of a step or of a validation.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>

#include "core/error.hpp"
#include "engine/weights.hpp"
#include "support/catch.hpp"
#include "train/schedule.hpp"
#include "train/toy_training.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::ToyRun;

namespace {

ToyRun parted_run() {
  ToyRun run;
  run.training.nsteps = 30;
  run.training.multistep = 4;
  run.training.val_every = 10;
  run.training.early_stopping = true;
  return run;
}

void check_same_training(const std::string& a, const std::string& b) {
  const auto one = checkpoint::load_latest_state(a), other = checkpoint::load_latest_state(b);
  REQUIRE(one.has_value());
  REQUIRE(other.has_value());
  CHECK(one->step == other->step);
  for (const auto& [name, array] : one->arrays) {
    INFO(name);
    CHECK((array.bytes == other->arrays.at(name).bytes));
  }
  CHECK(test::metrics_of(a) == test::metrics_of(b));
}

// Asks to stop when it is looked at for the n-th time.
std::function<int()> interrupt_at(int64_t n) {
  auto calls = std::make_shared<std::atomic<int64_t>>(0);
  return [calls, n] { return ++*calls >= n ? SIGTERM : 0; };
}

}  // namespace

TEST_CASE("a run that was interrupted between the parts of a step or in a validation equals one that was not",
          "[train][resume][interruption]") {
  const test::TemporaryFolder whole;
  const ToyRun run = parted_run();
  auto uncut = run.setup(whole.path());
  train::train(uncut, std::nullopt);
  // Four points a step, one a validation of one chunk: within step 2, within step 8, in the validation after
  // step 10, within step 11.
  for (const auto& [point, step] : {std::pair<int64_t, int64_t>{6, 1}, {30, 7}, {41, 10}, {43, 10}}) {
    CAPTURE(point);
    const test::TemporaryFolder parts;
    auto cut = run.setup(parts.path());
    cut.interrupted = interrupt_at(point);
    CHECK_THROWS_WITH(train::train(cut, std::nullopt),
                      ContainsSubstring("stopped by SIGTERM after step " + std::to_string(step)));
    CHECK(checkpoint::load_latest_state(parts.path())->step == step);
    auto rest = run.setup(parts.path());
    train::train(rest, checkpoint::load_latest_state(parts.path()));
    check_same_training(whole.path(), parts.path());
  }
}

TEST_CASE("a signal before the first step of a session is done is no success of that session",
          "[train][interruption]") {
  const test::TemporaryFolder folder;
  auto setup = parted_run().setup(folder.path());
  setup.interrupted = interrupt_at(2);
  CHECK_THROWS_AS(train::train(setup, std::nullopt), core::Interrupted);
  CHECK_FALSE(checkpoint::load_latest_state(folder.path()).has_value());
}

TEST_CASE("a checkpoint that cannot be written ends training, and the last good one is named",
          "[train][durability]") {
  const test::TemporaryFolder folder;
  auto setup = parted_run().setup(folder.path());
  setup.stop_requested = [&, steps = 0]() mutable {
    if (++steps != 15) return 0;
    const std::filesystem::path next = checkpoint::state_path(folder.path(), 20);
    std::filesystem::create_directory(next);  // nothing can be written in its place
    return 0;
  };
  CHECK_THROWS_WITH(train::train(setup, std::nullopt), ContainsSubstring("step_00000020.safetensors") &&
                                                           ContainsSubstring("stopped after step 20") &&
                                                           ContainsSubstring("The last good checkpoint is") &&
                                                           ContainsSubstring("step_00000010.safetensors"));
  std::filesystem::remove(checkpoint::state_path(folder.path(), 20));
  CHECK(checkpoint::load_latest_state(folder.path())->step == 10);
}

TEST_CASE("beyond schedule_steps the cosine schedule stays at its last rate", "[train][schedule]") {
  train::OptimizerOptions optimizer = ToyRun().optimizer;
  train::TrainingOptions training;
  training.nsteps = 100;
  const auto whole = train::make_schedule(optimizer, training);
  training.nsteps = 300;
  const auto raised = train::make_schedule(optimizer, training);
  optimizer.schedule_steps = 100;
  const auto held = train::make_schedule(optimizer, training);
  for (const int64_t step : {0, 4, 50, 99}) CHECK(held->rate(step) == whole->rate(step));
  CHECK(held->rate(100) == 1e-4);
  CHECK(held->rate(299) == 1e-4);
  CHECK(raised->rate(100) == 0.01);
}
