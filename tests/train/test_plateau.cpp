// Early stopping on a plateau of the validation loss.

#include <torch/types.h>

#include "checkpoint/training_state.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"
#include "train/plateau.hpp"
#include "train/toy_training.hpp"

using namespace fluxsbi;
using test::ToyRun;

namespace {

// A toy run at a constant rate that validates after every step.
ToyRun early_run(double rate) {
  ToyRun run;
  run.training.nsteps = 400;
  run.training.val_every = 1;
  run.training.save_every = 1000;
  run.training.early_stopping = true;
  run.training.plateau_patience = 6;
  run.optimizer.max_lr = run.optimizer.min_lr = rate;
  run.optimizer.warmup_steps = 0;
  return run;
}

}  // namespace

TEST_CASE(
    "training ends when the validation loss has not fallen beyond chance for plateau_patience validations",
    "[train][plateau]") {
  const test::TemporaryFolder folder;
  ToyRun run = early_run(1e-12);  // nothing is learned: the loss falls by less than its error, if at all
  auto setup = run.setup(folder.path());
  const auto result = train::train(setup, std::nullopt);
  CHECK(result.stopped_early);
  CHECK(result.steps == 7);  // the first validation is what the next six are compared with
}

TEST_CASE("a validation loss that rises clearly ends training sooner", "[train][plateau]") {
  const at::Tensor rows = torch::linspace(1, 2, 100), chance = 0.1 * torch::sin(37 * torch::arange(100));
  train::Plateau plateau;
  plateau.observe(rows);
  plateau.observe(rows + chance + 0.005);  // higher by half its error
  plateau.observe(rows + 0.012);           // of this no part is chance, and it is less than 1 %
  CHECK(plateau.stalled() == 2);
  CHECK(plateau.risen() == 0);
  plateau.observe(rows + chance + 0.05);
  CHECK(plateau.risen() == 1);
  CHECK(plateau.ended(5));
  CHECK_FALSE(plateau.ended(6));

  checkpoint::TrainingState state;
  plateau.save(state);
  train::Plateau resumed;
  resumed.restore(state, at::kCPU);
  CHECK(resumed.ended(5));
  resumed.observe(rows - 0.1);  // a new best begins again
  CHECK_FALSE(resumed.ended(1));
}

TEST_CASE("a loss that goes on falling and a patience of 0 do not end training", "[train][plateau]") {
  const test::TemporaryFolder falling, patient;
  ToyRun run = early_run(0.01);
  run.training.nsteps = 15;  // it falls for that long
  auto setup = run.setup(falling.path());
  CHECK_FALSE(train::train(setup, std::nullopt).stopped_early);
  run = early_run(1e-12);
  run.training.nsteps = 40;
  run.training.plateau_patience = 0;
  auto other = run.setup(patient.path());
  CHECK_FALSE(train::train(other, std::nullopt).stopped_early);
}

TEST_CASE("a run on a plateau that was stopped goes on counting", "[train][plateau][resume]") {
  const test::TemporaryFolder folder;
  const ToyRun run = early_run(1e-12);
  auto setup = run.setup(folder.path());
  setup.stop_requested = test::stop_after(4);
  CHECK_THROWS_AS(train::train(setup, std::nullopt), core::Stopped);
  auto again = run.setup(folder.path());
  const auto result = train::train(again, checkpoint::load_latest_state(folder.path()));
  CHECK(result.stopped_early);
  CHECK(result.steps == 7);
}
