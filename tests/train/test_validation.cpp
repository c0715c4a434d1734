// How sure a validation is: levels that are spread evenly, and several evaluations of a row.
#include <cmath>

#include <catch2/catch_approx.hpp>

#include "support/catch.hpp"
#include "train/toy_training.hpp"
#include "train/validation.hpp"

namespace {

using namespace fluxsbi;
using test::ToyRun;

struct Spread {
  double mean = 0, deviation = 0;
};

// Of the losses of one network over seeds of the validation's noise.
Spread over_seeds(train::TrainingSetup& setup, std::optional<int64_t> evaluations) {
  constexpr int seeds = 40;
  double sum = 0, squares = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    train::Validation validation(*setup.ema_engine, *setup.method, setup.data, static_cast<uint64_t>(seed),
                                 evaluations);
    const double loss = validation.loss();
    CHECK(validation.rows().mean().item<double>() == Catch::Approx(loss).epsilon(1e-4));
    sum += loss;
    squares += loss * loss;
  }
  const double mean = sum / seeds;
  return {mean, std::sqrt(squares / seeds - mean * mean)};
}

TEST_CASE("more evaluations leave the validation loss and take its noise away", "[train][validation]") {
  const test::TemporaryFolder folder;
  ToyRun run;
  run.validation_rows = 50;
  for (const bool joint : {false, true}) {
    auto setup = joint ? run.joint_setup(folder.path()) : run.setup(folder.path());
    const Spread one = over_seeds(setup, {}), spread = over_seeds(setup, 50), many = over_seeds(setup, 4000);
    INFO("once a row " << one.deviation << ", evenly " << spread.deviation << ", 80 times "
                       << many.deviation);
    const double error = one.deviation / std::sqrt(40);
    CHECK(std::abs(many.mean - one.mean) < 4 * error);
    CHECK(many.deviation < one.deviation / 5);  // 80 evaluations: about a ninth
    CHECK(spread.deviation < 1.3 * one.deviation);
  }
}

TEST_CASE("evaluations that a validation has in any case change nothing but where levels lie",
          "[train][validation]") {
  const test::TemporaryFolder folder;
  const ToyRun run;
  auto setup = run.joint_setup(folder.path());
  setup.data.levels = setup.method->training_levels();
  train::Validation usual(*setup.ema_engine, *setup.method, setup.data, 3);
  train::Validation asked(*setup.ema_engine, *setup.method, setup.data, 3, 4096);
  CHECK(usual.loss() == asked.loss());
  train::Validation more(*setup.ema_engine, *setup.method, setup.data, 3, 20'000);
  CHECK(usual.loss() != more.loss());
}

}  // namespace
