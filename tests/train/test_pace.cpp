// The measurement before a training, and the watch over its pace.
#include "support/catch.hpp"
#include "train/pace.hpp"
#include "train/toy_training.hpp"

namespace {

using namespace fluxsbi;
using test::ToyRun;

TEST_CASE("a training that was measured has the bits of one that was not", "[train][pace]") {
  for (const bool learns_levels : {false, true}) {
    at::Tensor masters[2], averages[2];
    double losses[2] = {};
    for (const bool measured : {false, true}) {
      const test::TemporaryFolder folder;
      const ToyRun run;
      auto setup = run.joint_setup(folder.path());
      if (learns_levels) setup.data.levels = setup.method->training_levels();
      if (measured) {
        const train::Pace pace = train::measure_pace(setup, 0.02);
        CHECK(pace.steps >= 2);
        CHECK(pace.step_seconds > 0);
        CHECK(pace.validation_seconds > 0);
      }
      losses[measured] = train::train(setup, std::nullopt).best_validation_loss;
      masters[measured] = setup.engine->parameters().master.clone();
      averages[measured] = setup.ema_engine->parameters().master.clone();
    }
    CHECK(losses[0] == losses[1]);
    CHECK(at::equal(masters[0], masters[1]));
    CHECK(at::equal(averages[0], averages[1]));
  }
}

TEST_CASE("a training that falls far behind its plan is told of once", "[train][pace]") {
  train::PaceWatch watch(100, 0, 1000);
  CHECK(watch.observe(50, 50).empty());             // too early to say
  CHECK(watch.observe(100, 12).empty());            // 120 s in all
  const std::string told = watch.observe(200, 40);  // 200 s in all
  CHECK(told.find("3 min 20 s in place of 1 min 40 s") != std::string::npos);
  CHECK(watch.observe(300, 90).empty());
  CHECK(train::PaceWatch(0, 0, 1000).observe(500, 1e6).empty());
  CHECK(train::PaceWatch(10, 0, 1000).observe(1000, 1e6).empty());
}

}  // namespace
