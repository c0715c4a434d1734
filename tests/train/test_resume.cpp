#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "support/catch.hpp"
#include "train/toy_training.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::ToyRun;

// What two runs of the same config must share to the last bit.
void check_same(const std::string& one, const std::string& other) {
  const auto a = checkpoint::load_latest_state(one), b = checkpoint::load_latest_state(other);
  REQUIRE(a.has_value());
  REQUIRE(b.has_value());
  CHECK(a->step == b->step);
  for (const auto& [name, array] : a->arrays) {
    CAPTURE(name);
    CHECK((array.bytes == b->arrays.at(name).bytes));
  }
  auto scalars = a->scalars, others = b->scalars;
  scalars.erase("seconds");
  others.erase("seconds");
  CHECK(scalars == others);
  CHECK(test::metrics_of(one) == test::metrics_of(other));
  const auto model = checkpoint::load_model(one + "/model.safetensors"),
             copy = checkpoint::load_model(other + "/model.safetensors");
  CHECK(model.step == copy.step);
  CHECK(model.validation_loss == copy.validation_loss);
  for (const auto& [name, array] : model.weights) CHECK((array.bytes == copy.weights.at(name).bytes));
}

void train_whole(const ToyRun& run, const std::string& folder) {
  auto setup = run.setup(folder);
  train::train(setup, std::nullopt);
}

// Everything is built anew, as another process would.
void resume(const ToyRun& run, const std::string& folder) {
  auto setup = run.setup(folder);
  train::train(setup, checkpoint::load_latest_state(folder));
}

void stop_at(const ToyRun& run, const std::string& folder, int64_t steps) {
  auto setup = run.setup(folder);
  setup.stop_requested = test::stop_after(steps);
  CHECK_THROWS_AS(train::train(setup, std::nullopt), core::Stopped);
}

TEST_CASE("a run that was stopped and resumed equals one that was not, to the last bit", "[train][resume]") {
  for (const bool plateau : {false, true}) {
    for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
      for (const int64_t steps : {1, 25, 59}) {
        CAPTURE(plateau, steps);
        const test::TemporaryFolder whole, parts;
        ToyRun run;
        run.compute = compute;
        run.training.multistep = 2;
        if (plateau) run.take_plateau(8);
        train_whole(run, whole.path());
        stop_at(run, parts.path(), steps);
        resume(run, parts.path());
        check_same(whole.path(), parts.path());
      }
    }
  }
}

TEST_CASE("a run whose x has noise goes on with it, to the last bit, and learns other weights",
          "[train][resume]") {
  const test::TemporaryFolder whole, parts, clean;
  ToyRun run;
  train_whole(run, clean.path());
  run.training.x_noise = 0.3;
  train_whole(run, whole.path());
  stop_at(run, parts.path(), 25);
  resume(run, parts.path());
  check_same(whole.path(), parts.path());
  const auto weights = [](const test::TemporaryFolder& folder) {
    return checkpoint::load_latest_state(folder.path())->arrays.at("master").to_double();
  };
  CHECK(weights(clean) != weights(whole));
}

TEST_CASE("a joint run that was stopped and resumed equals one that was not, masks included",
          "[train][resume][joint]") {
  for (const int64_t steps : {1, 25}) {
    const test::TemporaryFolder whole, parts;
    ToyRun run;
    run.training.multistep = 2;
    auto uncut = run.joint_setup(whole.path());
    train::train(uncut, std::nullopt);
    auto stopped = run.joint_setup(parts.path());
    stopped.stop_requested = test::stop_after(steps);
    CHECK_THROWS_AS(train::train(stopped, std::nullopt), core::Stopped);
    auto resumed = run.joint_setup(parts.path());
    train::train(resumed, checkpoint::load_latest_state(parts.path()));
    check_same(whole.path(), parts.path());
  }
}

// A run that learns its noise levels; these move from step 500 on.
ToyRun levels_run() {
  ToyRun run;
  run.training.nsteps = 640;
  run.training.val_every = 60;
  run.training.save_every = 200;
  return run;
}

train::TrainingSetup levels_setup(const ToyRun& run, const std::string& folder) {
  train::TrainingSetup setup = run.setup(folder);
  setup.data.levels = setup.method->training_levels();
  return setup;
}

TEST_CASE("a run whose noise levels are learned goes on with them, to the last bit",
          "[train][resume][levels]") {
  for (const int64_t steps : {30, 570}) {  // before and after the levels move
    CAPTURE(steps);
    const test::TemporaryFolder whole, parts;
    const ToyRun run = levels_run();
    auto uncut = levels_setup(run, whole.path());
    train::train(uncut, std::nullopt);
    auto stopped = levels_setup(run, parts.path());
    stopped.stop_requested = test::stop_after(steps);
    CHECK_THROWS_AS(train::train(stopped, std::nullopt), core::Stopped);
    const auto state = checkpoint::load_latest_state(parts.path());
    CHECK(state->arrays.contains("level_g") == (steps > 500));
    auto resumed = levels_setup(run, parts.path());
    train::train(resumed, state);
    check_same(whole.path(), parts.path());
  }
}

TEST_CASE("while noise levels move the validation loss of weights that stand still stands still, too",
          "[train][levels]") {
  const test::TemporaryFolder folder;
  ToyRun run = levels_run();
  run.optimizer.max_lr = run.optimizer.min_lr = 1e-12;
  auto setup = levels_setup(run, folder.path());
  train::train(setup, std::nullopt);
  std::vector<double> training, validation;
  for (const auto& line : test::metrics_of(folder.path())) {
    training.push_back(line["train_loss"].get<double>());
    if (line.contains("val_loss")) validation.push_back(line["val_loss"].get<double>());
  }
  REQUIRE(validation.size() == 11);
  for (const double loss : validation) CHECK(std::abs(loss / validation[0] - 1) < 1e-5);
  const auto mean = [&](size_t first, size_t count) {
    return std::accumulate(&training[first], &training[first] + count, 0.0) / static_cast<double>(count);
  };
  // the training loss does not: it is that of other levels
  CHECK(std::abs(mean(training.size() - 12, 12) / mean(0, 60) - 1) > 0.02);
}

TEST_CASE("a killed run goes on from its last checkpoint and cuts the metrics back to it",
          "[train][resume]") {
  const test::TemporaryFolder whole, parts;
  const ToyRun run;
  train_whole(run, whole.path());
  // Killed at step 38: the checkpoint of a stop signal is not there, the metrics already tell of later steps,
  // the last of them half written.
  stop_at(run, parts.path(), 38);
  std::filesystem::remove(checkpoint::state_path(parts.path(), 38));
  const size_t lines = test::metrics_of(parts.path()).size();
  {
    std::ofstream metrics(parts.file("metrics.jsonl"), std::ios::app);
    metrics << "{\"step\": 42, \"train_lo";
  }
  const auto state = checkpoint::load_latest_state(parts.path());
  REQUIRE(state->step == 30);
  CHECK(lines == 7);  // 7 14 15 21 28 30 35
  resume(run, parts.path());
  check_same(whole.path(), parts.path());
}

TEST_CASE("the stop message names the signal, the step and how to go on", "[train][resume]") {
  const test::TemporaryFolder folder;
  auto setup = ToyRun().setup(folder.path());
  setup.stop_requested = test::stop_after(12);
  CHECK_THROWS_WITH(train::train(setup, std::nullopt), ContainsSubstring("SIGTERM") &&
                                                           ContainsSubstring("step 12") &&
                                                           ContainsSubstring("fluxsbi resume"));
  CHECK(std::filesystem::exists(checkpoint::state_path(folder.path(), 12)));
  CHECK(std::filesystem::exists(checkpoint::best_path(folder.path())));
  CHECK_FALSE(std::filesystem::exists(folder.file("model.safetensors")));
}

TEST_CASE("a finished run writes its model again and changes nothing", "[train][resume]") {
  const test::TemporaryFolder folder;
  const ToyRun run;
  train_whole(run, folder.path());
  const auto state = checkpoint::load_latest_state(folder.path());
  CHECK(train::is_finished(*state, run.training));
  const std::string model = test::read_file(folder.file("model.safetensors"));
  const std::string metrics = test::read_file(folder.file("metrics.jsonl"));
  std::filesystem::remove(folder.file("model.safetensors"));
  resume(run, folder.path());
  CHECK(test::read_file(folder.file("model.safetensors")) == model);
  CHECK(test::read_file(folder.file("metrics.jsonl")) == metrics);
}

TEST_CASE("a run can be made longer", "[train][resume]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  train_whole(run, folder.path());
  run.training.nsteps = 80;
  auto setup = run.setup(folder.path());
  const auto result = train::train(setup, checkpoint::load_latest_state(folder.path()));
  CHECK(result.steps == 80);
  CHECK(test::metrics_of(folder.path()).back()["step"] == 80);
}

TEST_CASE("a checkpoint of another config or of another network is refused", "[train][resume]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  stop_at(run, folder.path(), 10);
  const auto state = checkpoint::load_latest_state(folder.path());
  ToyRun other = run;
  other.training.seed = 8;
  auto setup = other.setup(folder.path());
  CHECK_THROWS_WITH(train::train(setup, state), ContainsSubstring("training.seed is 0 there and 8 here"));
  auto larger = run.setup(folder.path());
  larger.engine =
      engine::make_reference_engine(std::make_shared<test::ToyNetwork>(2, 32), at::kFloat, at::kCPU);
  larger.ema_engine =
      engine::make_reference_engine(std::make_shared<test::ToyNetwork>(2, 32), at::kFloat, at::kCPU);
  CHECK_THROWS_WITH(train::train(larger, state), ContainsSubstring("does not fit this model"));
}

}  // namespace
