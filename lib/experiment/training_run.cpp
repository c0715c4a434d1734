#include "experiment/training_run.hpp"

#include <array>
#include <filesystem>
#include <numeric>

#include <ATen/Functions.h>

#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/split.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "io/atomic_file.hpp"
#include "model/embedding/embedded_network.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

// Rows `which` of a standardised side as a tensor [rows, tokens, channels] on the device.
at::Tensor gather(std::span<const float> values, const std::vector<int64_t>& which, int64_t tokens,
                  int64_t channels, const data::Standardiser& standardiser, at::Device device) {
  const int64_t size = tokens * channels;
  at::Tensor out = at::empty({static_cast<int64_t>(which.size()), tokens, channels}, at::kFloat);
  float* to = out.data_ptr<float>();
  for (const int64_t row : which) to = std::copy_n(values.data() + row * size, size, to);
  standardiser.apply({out.data_ptr<float>(), static_cast<size_t>(out.numel())});
  return out.to(device);
}

uint32_t fingerprint(const data::Dataset& dataset) {
  return io::crc32(std::as_bytes(std::span(dataset.x)), io::crc32(std::as_bytes(std::span(dataset.theta))));
}

checkpoint::ModelFile describe(const data::Dataset& dataset, const data::Split& split,
                               const Experiment& experiment) {
  checkpoint::ModelFile model;
  model.shape = dataset.shape;
  model.theta_names = dataset.theta_names;
  model.x_names = dataset.x_names;
  const bool keep = experiment.data.constant == "keep";
  const auto prior = data::make_prior(experiment.prior, dataset.shape.theta_size());
  model.theta = data::fit_standardiser(dataset.theta, dataset.shape.theta_size(), split.training,
                                       experiment.data.standardise_theta, keep, dataset.theta_names,
                                       data::transform_range(experiment.prior, prior.get()));
  model.x = data::fit_standardiser(dataset.x, dataset.shape.x_size(), split.training,
                                   experiment.data.standardise_x, keep, dataset.x_names);
  model.version = core::version;
  model.remarks["source"] = dataset.source;
  model.remarks["training_rows"] = std::to_string(split.training.size());
  model.remarks["validation_rows"] = std::to_string(split.validation.size());
  model.remarks["data_crc32"] = std::to_string(fingerprint(dataset));
  model.remarks["commit"] = core::source_commit();
  return model;
}

// A checkpoint is of this run only if its data are.
void check_same_data(const checkpoint::TrainingState& state, const checkpoint::ModelFile& model,
                     const std::string& run) {
  const auto found = state.model.remarks.find("data_crc32");
  if (found == state.model.remarks.end() || found->second == model.remarks.at("data_crc32")) return;
  throw core::UserError(
      run + ": the data (" + model.remarks.at("source") +
      ") are not those that the checkpoint was trained on; restore the file, or start a new run with train");
}

constexpr std::array run_files{"config.yaml", "metrics.jsonl", "train.log", "model.safetensors",
                               "checkpoints"};

void remove_run(const fs::path& run) {
  for (const char* name : run_files) fs::remove_all(run / name);
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0) fs::remove(entry.path());
  }
}

// Rows of theta and x as the trainer takes them.
train::TrainingData training_data(const data::Dataset& dataset, const data::Split& split,
                                  const checkpoint::ModelFile& model, bool joint, at::Device device) {
  const data::DataShape& shape = dataset.shape;
  const auto theta = [&](const std::vector<int64_t>& rows) {
    return gather(dataset.theta, rows, shape.theta_dim, shape.theta_channels, model.theta, device);
  };
  const auto x = [&](const std::vector<int64_t>& rows) {
    return gather(dataset.x, rows, shape.x_dim, shape.x_channels, model.x, device);
  };
  if (!joint) return {theta(split.training), x(split.training), theta(split.validation), x(split.validation)};
  const auto both = [&](const std::vector<int64_t>& rows) { return at::cat({theta(rows), x(rows)}, 1); };
  return {both(split.training), {}, both(split.validation), {}};
}

// How joint models learn their rows; nothing for models of theta given x.
std::optional<method::ConditionMask> condition_mask(const method::ConditionMaskOptions& options,
                                                    const data::DataShape& shape, bool joint,
                                                    at::Device device) {
  if (joint) {
    core::log::info(shape.x_dim > 0 ? "condition masks: " + options.kind
                                    : "no x in the data: the model learns the distribution of theta");
    return method::ConditionMask(options, shape.theta_dim, shape.x_dim, device);
  }
  if (options.kind != method::ConditionMaskOptions{}.kind) {
    core::log::warning("condition_mask has no effect: this model is trained for theta given x");
  }
  return {};
}

// Throws UserError for a method that cannot be trained so.
std::unique_ptr<method::Method> build_method(const Experiment& experiment, bool joint, at::Device device) {
  auto method = experiment.method->build();
  const std::string problem = method->problem({joint, experiment.training.batch_size, device});
  if (!problem.empty()) throw core::UserError(problem);
  return method;
}

enum class Start { anew, goes_on };

void open_run(const std::string& run, Start start) {
  try {
    fs::create_directories(run);
    if (start == Start::anew) remove_run(run);
  } catch (const fs::filesystem_error& problem) {
    throw core::UserError("-o " + run + ": cannot be made ready for the run: " + problem.code().message());
  }
  io::remove_leftovers(run + "/checkpoints");  // the trainer's own folder: nobody else writes there
  core::log::tee(run + "/train.log");
}

void run_training(const std::string& run, Experiment experiment, const Execution& execution, Start start,
                  const std::optional<checkpoint::TrainingState>& state) {
  const engine::DeviceChoice choice = engine::choose_device(execution.device);
  core::log::info(choice.sentence);
  const auto seed = static_cast<uint64_t>(experiment.training.seed);
  data::Dataset dataset = data::load_dataset(experiment.data, seed);
  if (experiment.prior.kind == "none") {
    dataset.prior.transform = experiment.prior.transform;
    experiment.prior = dataset.prior;
  }
  data::make_prior(experiment.prior, dataset.shape.theta_size());  // says what does not fit before any work
  model::resolve(*experiment.model, experiment.embedding, dataset.shape);
  if (!experiment.choice.empty()) core::log::info(experiment.choice);
  for (const auto& remark : experiment.embedding.remarks()) core::log::info(remark);
  for (const auto& remark : experiment.model->remarks()) core::log::info(remark);
  const data::Split split = data::split_rows(dataset.rows, experiment.data, seed);
  core::log::info(dataset.source + ": " + std::to_string(split.training.size()) + " rows to train on, " +
                  std::to_string(split.validation.size()) + " to validate" +
                  (dataset.dropped ? ", " + std::to_string(dataset.dropped) + " dropped" : ""));

  train::TrainingSetup setup;
  setup.run = run;
  setup.config = resolved_yaml(experiment);
  setup.training = experiment.training;
  setup.optimizer = experiment.optimizer;
  setup.output = experiment.output;
  setup.model = describe(dataset, split, experiment);
  if (state) check_same_data(*state, setup.model, run);
  const auto network = [&] {
    auto built = model::build_network(*experiment.model, experiment.embedding);
    built->initialise(seed);
    return built;
  };
  auto trained = network();
  const bool joint = trained->joint();
  auto mask = condition_mask(experiment.condition_mask, dataset.shape, joint, choice.device);
  setup.method = build_method(experiment, joint, choice.device);
  const engine::Compute compute =
      engine::choose_compute(experiment.training.compute, experiment.model->param_dtype(), choice.device,
                             engine::has_bfloat16(choice.device));
  auto chosen = engine::choose_engine(std::move(trained), compute.type, choice.device, execution.engine);
  setup.engine = std::move(chosen.engine);
  setup.ema_engine = engine::make_engine(network(), compute.type, choice.device, execution.engine);
  open_run(run, start);
  io::write_text(run + "/config.yaml", setup.config);

  core::log::info(compute.reason);
  core::log::info(chosen.sentence);
  setup.runner = engine::make_step_runner(choice.device);
  setup.data = training_data(dataset, split, setup.model, joint, choice.device);
  setup.data.condition_mask = std::move(mask);
  setup.data.condition_drop_rate = experiment.strategy.condition_drop_rate;
  dataset.theta = {};
  dataset.x = {};

  const train::TrainingResult result = train::train(setup, state);
  core::log::info(std::string(result.stopped_early ? "stopped early" : "finished") + " at step " +
                  std::to_string(result.steps) + "; best validation loss " +
                  core::number_text(result.best_validation_loss) + " at step " +
                  std::to_string(result.best_step) + "; wrote " + run + "/model.safetensors");
  const bool has_x = setup.model.shape.x_dim > 0;
  core::log::info("next: fluxsbi sample " + run + (has_x ? " --x OBSERVATIONS" : "") +
                  " -n 10000 -o samples.npz");
}

}  // namespace

void check_run_folder(const std::string& run, bool force) {
  if (fs::exists(run) && !fs::is_directory(run))
    throw core::UserError("-o " + run + ": is a file; name a folder for the run");
  if (force) return;
  if (fs::exists(fs::path(run) / "config.yaml")) {
    throw core::UserError("-o " + run + ": holds a run already; go on with 'fluxsbi resume " + run +
                          "', or use --force to replace it");
  }
  for (const char* name : run_files) {
    if (!fs::exists(fs::path(run) / name)) continue;
    throw core::UserError("-o " + run + ": holds " + name +
                          ", which the run would replace; name another folder, or use --force");
  }
}

void start_training(const std::string& run, Experiment experiment, const Execution& execution) {
  run_training(run, std::move(experiment), execution, Start::anew, std::nullopt);
}

void continue_training(const std::string& run, Experiment experiment, const Execution& execution,
                       const std::optional<checkpoint::TrainingState>& state) {
  run_training(run, std::move(experiment), execution, Start::goes_on, state);
}

}  // namespace fluxsbi::experiment
