#include <cmath>

#include "config/reader.hpp"
#include "config/value.hpp"
#include "core/error.hpp"
#include "support/catch.hpp"
#include "train/options.hpp"

namespace {

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

struct Options {
  train::OptimizerOptions optimizer;
  train::TrainingOptions training;
  train::OutputOptions output;
  std::vector<std::string> warnings;
};

Options read(const std::string& yaml) {
  const config::Value document = config::parse_yaml(yaml, "c.yaml");
  config::Reader reader(document);
  Options options;
  reader.read(train::optimizer_table(), options.optimizer);
  reader.read(train::training_table(), options.training);
  reader.read(train::output_table(), options.output);
  train::resolve(options.optimizer, options.training, reader);
  options.warnings = reader.finish();
  return options;
}

std::string write(const Options& options) {
  config::Writer writer;
  writer.add(train::optimizer_table(), options.optimizer);
  writer.add(train::training_table(), options.training);
  writer.add(train::output_table(), options.output);
  return writer.text();
}

TEST_CASE("an empty config gives the published defaults", "[train][options]") {
  const Options options = read("");
  CHECK(options.optimizer.schedule == train::ScheduleKind::cosine);
  CHECK(options.optimizer.max_lr == 1e-4);
  CHECK(options.optimizer.min_lr == 1e-6);
  CHECK(options.optimizer.warmup_steps == 500);
  CHECK(options.optimizer.decay_transition == 0.8);
  CHECK_FALSE(options.optimizer.patience.has_value());
  CHECK(options.training.nsteps == 50000);
  CHECK(options.training.ema_decay == 0.999);
}

TEST_CASE("the default warm-up is at most a tenth of the run", "[train][options]") {
  CHECK(read("training: {nsteps: 2000}").optimizer.warmup_steps == 200);
  CHECK(read("training: {nsteps: 3}").optimizer.warmup_steps == 0);
}

TEST_CASE("any key of the older generation asks for the plateau schedule", "[train][options]") {
  for (const std::string key :
       {"patience: 7", "cooldown: 3", "factor: 0.3", "accumulation_size: 50", "rtol: 0.01"}) {
    CAPTURE(key);
    const Options options = read("optimizer: {" + key + "}");
    CHECK(options.optimizer.schedule == train::ScheduleKind::plateau);
    CHECK(options.optimizer.max_lr == 1e-3);
    CHECK(options.optimizer.min_lr == 1e-8);
    CHECK(options.training.nsteps == 30000);
    CHECK_FALSE(options.optimizer.warmup_steps.has_value());
  }
  CHECK(read("optimizer: {patience: 7}\ntraining: {nsteps: 50000}").training.nsteps == 50000);
  CHECK(read("optimizer: {schedule: plateau}").optimizer.patience == 10);
}

TEST_CASE("of the keys of both schedules the cosine's count, and the others are warned of",
          "[train][options]") {
  const Options options = read("optimizer:\n  rtol: 0.1\n  patience: 7\n  warmup_steps: 100\n");
  CHECK(options.optimizer.schedule == train::ScheduleKind::cosine);
  CHECK(options.optimizer.warmup_steps == 100);
  CHECK(options.optimizer.max_lr == 1e-4);
  CHECK_FALSE(options.optimizer.patience.has_value());
  REQUIRE(options.warnings.size() == 2);
  CHECK_THAT(options.warnings[0],
             ContainsSubstring("c.yaml:2") && ContainsSubstring("optimizer.rtol has no effect"));
  CHECK_THAT(options.warnings[1],
             ContainsSubstring("c.yaml:3") && ContainsSubstring("optimizer.patience has no effect") &&
                 ContainsSubstring("optimizer.warmup_steps asks for the cosine schedule"));
}

TEST_CASE("a key that contradicts the schedule that is asked for is an error", "[train][options]") {
  CHECK_THROWS_WITH(read("optimizer: {schedule: cosine, factor: 0.1}"),
                    ContainsSubstring("optimizer.factor"));
  CHECK_THROWS_WITH(read("optimizer: {schedule: plateau, decay_transition: 0.5}"),
                    ContainsSubstring("optimizer.decay_transition"));
}

TEST_CASE("a warm-up longer than the run and crossed rates are errors", "[train][options]") {
  CHECK_THROWS_WITH(read("optimizer: {warmup_steps: 101}\ntraining: {nsteps: 100}"),
                    ContainsSubstring("optimizer.warmup_steps") && ContainsSubstring("100"));
  CHECK_THROWS_WITH(read("optimizer: {max_lr: 1e-5, min_lr: 1e-3}"), ContainsSubstring("optimizer.min_lr"));
  CHECK_THROWS_AS(read("training: {batch_size: 0}"), core::UserError);
  CHECK_THROWS_AS(read("training: {ema_decay: 1.0}"), core::UserError);
  CHECK_THROWS_AS(read("optimizer: {clip: hard}"), core::UserError);
}

TEST_CASE("the noise of x falls in equal ratios from the first step to the last", "[train][options]") {
  train::TrainingOptions options;
  CHECK(train::x_noise_of(options, 50, 101) == 0);
  options.x_noise = 0.5;
  CHECK(train::x_noise_of(options, 0, 101) == 0.5);
  CHECK(std::abs(train::x_noise_of(options, 50, 101) - 0.05) < 1e-12);
  for (const int64_t step : {100, 300})
    CHECK(std::abs(train::x_noise_of(options, step, 101) - 0.005) < 1e-12);
  options.x_noise_end = 0.5;
  CHECK(train::x_noise_of(options, 70, 101) == 0.5);
  CHECK_THROWS_WITH(read("training: {x_noise: 0.1, x_noise_end: 0.2}"),
                    ContainsSubstring("training.x_noise_end"));
}

TEST_CASE("a resolved config resolves to itself", "[train][options]") {
  for (const std::string yaml :
       {"", "optimizer: {patience: 4, max_lr: 0.01}", "training: {nsteps: 77, compute: float32}",
        "optimizer: {warmup_steps: 0, decay_transition: 1}", "optimizer: {warmup_steps: 9, rtol: 0.1}"}) {
    const std::string once = write(read(yaml));
    CHECK(write(read(once)) == once);
  }
}

TEST_CASE("GenSBI's keys are accepted; those without effect are said to have none", "[train][options]") {
  const Options options = read(
      "optimizer: {patience: 10, cooldown: 2, factor: 0.5, accumulation_size: 100, rtol: 1.0e-4, max_lr: "
      "1.0e-3, "
      "min_lr: 1.0e-8}\ntraining: {batch_size: 4096, nsteps: 50000, ema_decay: 0.999, multistep: 1, "
      "early_stopping: "
      "true, val_every: 100, experiment_id: 1, restore_model: true, train_model: false, val_error_ratio: "
      "1.3}");
  CHECK(options.training.batch_size == 4096);
  CHECK(options.training.early_stopping);
  REQUIRE(options.warnings.size() == 3);
  CHECK_THAT(options.warnings[0], ContainsSubstring("training.experiment_id has no effect here"));
}

}  // namespace
