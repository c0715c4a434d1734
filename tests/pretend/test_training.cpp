// Training on the pretend device: what the CPU learns, in a captured step that waits for nothing.
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "checkpoint/training_state.hpp"
#include "core/log.hpp"
#include "experiment/distillation.hpp"
#include "experiment/training_run.hpp"
#include "io/files.hpp"
#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/threads.hpp"

namespace fluxsbi::test {
namespace {

// The fused CPU kernel and the device's tensor operations round the optimiser's update differently, and Adam
// divides small gradients by themselves.
constexpr double loss_tolerance = 2e-4;
// bfloat16 holds 8 bits, and a dozen steps add up.
constexpr double bfloat16_tolerance = 0.05;

checkpoint::ModelFile trained_on(const std::string& device, const std::string& run,
                                 experiment::Experiment experiment) {
  const Threads one(1);  // a batch is then evaluated as a whole, as on the device
  experiment::start_training(run, std::move(experiment), {device, "reference"});
  return checkpoint::load_model(run + "/model.safetensors");
}

// The same training on the CPU and on the device.
void same_training(const std::function<experiment::Experiment()>& make, double allowed = loss_tolerance) {
  const TemporaryFolder folder;
  const auto here = trained_on("cpu", folder.file("cpu"), make());
  const pretend::Counts before = pretend::counts();
  const auto there = trained_on("cuda", folder.file("device"), make());
  CHECK((pretend::counts() - before).kernels > 500);
  CHECK(there.step == here.step);
  CHECK(std::abs(there.validation_loss / here.validation_loss - 1) < allowed);
}

TEST_CASE("every model learns by every method on the pretend device what it learns on the CPU",
          "[pretend][training]") {
  for (const std::string& model : all_models) {
    for (const std::string& method : all_methods) {
      CAPTURE(model, method);
      same_training([&] { return tiny_experiment(model, method); });
    }
  }
}

TEST_CASE("what a training may have beside it runs on the pretend device", "[pretend][training]") {
  const auto with = [](const std::string& model, const std::string& method, const std::string& training,
                       const ConfigParts& parts = {}) {
    CAPTURE(model, method, training, parts.strategy, parts.sections);
    same_training([&] { return tiny_experiment(model, method, training, parts); });
  };
  with("flux1", "flow", ", multistep: 2", {", condition_drop_rate: 0.2", ""});
  with("flux1", "flow", "", {"", "optimizer: {clip: global, clip_value: 0.5}\n"});
  with("flux1", "diffusion", ", validation_evaluations: 64", {", levels: learned", ""});
  with("flux1", "flow", ", early_stopping: true",
       {"", "optimizer: {schedule: plateau, accumulation_size: 6}\n"});
  with("flux1", "score_matching", "",
       {", sde: ve", "embedding: {network: residual_mlp, hidden: 8, features: 4}\n"});
  with("simformer", "flow", "", {"", "condition_mask: {kind: posterior}\n"});
}

TEST_CASE("bfloat16 learns on the pretend device as it does on the CPU", "[pretend][training][bfloat16]") {
  for (const std::string& model : all_models) {
    CAPTURE(model);
    same_training([&] { return tiny_experiment(model, "flow", ", compute: bfloat16"); }, bfloat16_tolerance);
  }
}

TEST_CASE("a training resumed on the pretend device is the one that was not stopped, bit for bit",
          "[pretend][training][resume]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  for (const std::string& model : {std::string("flux1"), std::string("flux1joint")}) {
    const auto make = [&] {
      return tiny_experiment(model, "flow", ", validation_evaluations: 64", {", levels: learned", ""});
    };
    const auto whole = trained_on("cuda", run + model, make());
    const auto state = checkpoint::load_state(checkpoint::state_path(run + model, 6));
    experiment::continue_training(run + model, make(), {"cuda", "reference"}, state);
    const auto parts = checkpoint::load_model(run + model + "/model.safetensors");
    CHECK(whole.validation_loss == parts.validation_loss);
    for (const auto& [name, weight] : whole.weights) CHECK((weight.bytes == parts.weights.at(name).bytes));
  }
}

TEST_CASE("rows that stay in files, are simulated while training, or lack values reach the pretend device",
          "[pretend][training]") {
  const TemporaryFolder folder;
  std::vector<float> theta, x;
  for (int i = 0; i < 600; ++i) {
    theta.push_back(static_cast<float>(std::sin(i)));
    x.push_back(static_cast<float>(std::sin(i) + 0.1 * std::cos(7 * i)));
  }
  const auto save = [&](const std::string& name, const std::vector<float>& values) {
    io::save_arrays(folder.file("rows_" + name + ".npy"),
                    {{name, io::Array::from(std::span<const float>(values), {300, 2})}});
  };
  save("theta", theta);
  save("x", x);
  const std::string data[] = {"file: " + folder.file("rows.npy") + ", memory_gb: 0",
                              "task: two_moons, online: true, simulations: 400, reuse: 2",
                              "task: two_moons, simulations: 400, nan: impute, missing_rate: 0.2"};
  for (const std::string& model : {std::string("flux1"), std::string("simformer")}) {
    for (const std::string& one : data) {
      CAPTURE(model, one);
      same_training([&] { return tiny_experiment(model, "flow", "", {"", "", one}); });
    }
  }
}

TEST_CASE("students learn on the pretend device what they learn on the CPU", "[pretend][training][distill]") {
  const TemporaryFolder folder;
  const auto student = [&](const std::string& teacher, const std::string& device) {
    const Threads one(1);
    experiment::DistillationRequest request{teacher, 2};
    request.folder = teacher + device;
    request.assignments = {"training.nsteps=4", "training.val_every=4", "distillation.substeps=2",
                           "training.validation_evaluations=null"};
    request.execution = {device, "reference"};
    experiment::start_distillation(request);
    return checkpoint::load_model(request.folder + "/model.safetensors");
  };
  const auto same = [&](const std::string& model, const std::string& method) {
    CAPTURE(model, method);
    trained_on("cpu", folder.file(model), tiny_experiment(model, method));
    const auto here = student(folder.file(model), "cpu");
    const pretend::Counts before = pretend::counts();
    const auto there = student(folder.file(model), "cuda");
    CHECK((pretend::counts() - before).kernels > 500);
    CHECK(std::abs(there.validation_loss / here.validation_loss - 1) < 10 * loss_tolerance);
  };
  same("flux1", "flow");
  same("simformer", "diffusion");
}

TEST_CASE("a training goes on on the CPU where the pretend device left it", "[pretend][training][resume]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run");
  const auto whole = trained_on("cpu", folder.file("cpu"), tiny_experiment("flux1", "flow"));
  trained_on("cuda", run, tiny_experiment("flux1", "flow"));
  const auto state = checkpoint::load_state(checkpoint::state_path(run, 6));
  experiment::continue_training(run, tiny_experiment("flux1", "flow"), {"cpu", "reference"}, state);
  const auto parts = checkpoint::load_model(run + "/model.safetensors");
  CHECK(std::abs(parts.validation_loss / whole.validation_loss - 1) < loss_tolerance);
}

}  // namespace
}  // namespace fluxsbi::test
