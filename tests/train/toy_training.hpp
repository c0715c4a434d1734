// A whole training setup with the toy network.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "method/flow_matching.hpp"
#include "support/temporary_folder.hpp"
#include "support/toy_network.hpp"
#include "train/tensor_rows.hpp"
#include "train/toy_method.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::test {

struct ToyRun {
  int64_t rows = 300, validation_rows = 70;
  at::ScalarType compute = at::kFloat;
  train::TrainingOptions training;
  train::OptimizerOptions optimizer;

  ToyRun() {
    training.nsteps = 60;
    training.batch_size = 32;
    training.val_every = 15;
    training.save_every = 10;
    training.log_every = 7;  // divides neither of the two
    training.keep_checkpoints = 100;
    training.ema_decay = 0.9;
    optimizer.schedule = train::ScheduleKind::cosine;
    optimizer.max_lr = 0.01;
    optimizer.min_lr = 1e-4;
    optimizer.warmup_steps = 5;
    optimizer.decay_transition = 0.5;
  }

  void take_plateau(int64_t accumulation_size) {
    optimizer.schedule = train::ScheduleKind::plateau;
    optimizer.warmup_steps.reset();
    optimizer.decay_transition.reset();
    optimizer.patience = 1;
    optimizer.cooldown = 0;
    optimizer.accumulation_size = accumulation_size;
    optimizer.factor = 0.5;
    optimizer.rtol = 0.3;
  }

  train::TrainingSetup setup(const std::string& run) const {
    train::TrainingSetup setup;
    setup.run = run;
    setup.config = "training:\n  seed: " + std::to_string(training.seed) + "\n";
    setup.training = training;
    setup.optimizer = optimizer;
    setup.output.tensorboard = false;
    setup.model.shape = {1, 2, 1, 2, {}, {}};
    setup.model.theta = {{0, 0}, {1, 1}};
    setup.model.x = {{0, 0}, {1, 1}};
    setup.model.theta_names = {"theta_0"};
    setup.model.x_names = {"x_0"};
    setup.engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), compute, at::kCPU);
    setup.ema_engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), compute, at::kCPU);
    setup.method = std::make_unique<ToyMethod>();
    const ToyData data = toy_data(rows, 1), validation = toy_data(validation_rows, 2);
    setup.data = {train::tensor_rows(data.theta, data.x), train::tensor_rows(validation.theta, validation.x)};
    setup.stop_requested = [] { return 0; };
    return setup;
  }

  /// The same data as rows of one theta and one x token for the toy joint network.
  train::TrainingSetup joint_setup(const std::string& run) const {
    train::TrainingSetup setup = this->setup(run);
    const auto engine = [&] {
      return engine::make_reference_engine(std::make_shared<ToyJointNetwork>(2, 2), compute, at::kCPU);
    };
    setup.engine = engine();
    setup.ema_engine = engine();
    setup.method = std::make_unique<method::FlowMatching>(method::FlowMatchingOptions{});
    const auto joined = [](const train::Rows& pairs) {
      const method::Batch all = pairs.slice(0, pairs.size());
      return train::tensor_rows(at::cat({all.obs, all.cond}, 1), {});
    };
    setup.data = {joined(*setup.data.training), joined(*setup.data.validation),
                  method::ConditionMask({}, 1, 1, at::kCPU)};
    setup.data.x_tokens = 1;
    return setup;
  }
};

/// A function that asks to stop with SIGTERM when it is called for the n-th time, which is after step n of a
/// session.
inline std::function<int()> stop_after(int64_t steps) {
  return [steps, calls = int64_t{0}]() mutable { return ++calls >= steps ? 15 : 0; };
}

/// The lines of metrics.jsonl without the keys that hold times.
inline std::vector<nlohmann::json> metrics_of(const std::string& run) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(run + "/metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    lines.push_back(nlohmann::json::parse(line));
    lines.back().erase("time");
    lines.back().erase("rate");
  }
  return lines;
}

}  // namespace fluxsbi::test
