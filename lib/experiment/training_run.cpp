#include "experiment/training_run.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "checkpoint/compare.hpp"
#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/memory.hpp"
#include "core/philox.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/files/names.hpp"
#include "data/look/report.hpp"
#include "data/simulate/online.hpp"
#include "data/source/standardised_rows.hpp"
#include "distributed/ranks.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "experiment/step_cost.hpp"
#include "io/atomic_file.hpp"
#include "io/lock.hpp"
#include "model/embedding/embedded_network.hpp"
#include "train/data_rows.hpp"
#include "train/learned_levels.hpp"
#include "train/online_rows.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

// A host may have the same rows elsewhere.
constexpr std::array<std::string_view, 4> places_of_data{"data.file", "data.files", "data.theta_file",
                                                         "data.x_file"};

constexpr std::array run_files{"config.yaml",       "metrics.jsonl", "train.log", "data.json",
                               "model.safetensors", "checkpoints",   "members",   "teacher.safetensors"};

void remove_run(const fs::path& run) {
  for (const char* name : run_files) fs::remove_all(run / name);
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0) fs::remove(entry.path());
  }
}

// The seed of what tells the members of an ensemble apart; training.seed for a single model.
uint64_t training_seed(const train::TrainingOptions& training) {
  const auto seed = static_cast<uint64_t>(training.seed);
  if (!training.member) return seed;
  constexpr uint64_t beyond_parameters = uint64_t{1} << 40;  // streams of initialisation that no network has
  constexpr int sign_bit = 1;  // the config's seeds are whole numbers from 0 to 2^63 - 1
  const auto member = static_cast<uint64_t>(*training.member);
  return core::derive_seed(seed, core::Purpose::initialisation, beyond_parameters + member) >> sign_bit;
}

// How joint models learn their rows; nothing for models of theta given x.
std::optional<method::ConditionMask> condition_mask(const method::ConditionMaskOptions& options,
                                                    const data::DataShape& shape, bool joint,
                                                    at::Device device) {
  if (joint) {
    core::log::info(shape.x_dim > 0 ? "condition masks: " + config::name_of(options.kind)
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
  auto method = experiment.build_method();
  const std::string problem = method->problem({joint, experiment.training.batch_size, device});
  if (!problem.empty()) throw core::UserError(problem);
  return method;
}

// The least that a step takes on a CPU: rows and noise of its batches, and what the modules keep of a batch
// for the way back (the tile engine keeps that of a few rows). A kernel that overcommits would grant it and
// then end the program.
void require_batch_memory(const train::TrainingOptions& training, const data::DataShape& shape, bool embedded,
                          engine::Engine& engine) {
  if (!engine.device().is_cpu()) return;
  const auto theta = static_cast<double>(shape.theta_size()), x = static_cast<double>(shape.x_size());
  const auto rows = static_cast<double>(training.batch_size),
             batches = static_cast<double>(training.multistep);
  double numbers = rows * (batches * (theta + 1) + 2 * (theta + x) + 2 * theta);
  double outputs = 0;  // of the linear layers, for each token
  for (const auto& entry : engine.parameters().entries) {
    if (entry.decays && !entry.name.starts_with("embedding.")) outputs += static_cast<double>(entry.shape[0]);
  }
  constexpr double share_of_tokens = 0.25;  // the other layers see a row once, not each of its tokens
  if (engine.name() != "tile" && !embedded)
    numbers += rows * share_of_tokens * outputs * static_cast<double>(shape.theta_dim + shape.x_dim);
  core::require_memory(sizeof(float) * numbers,
                       "training.batch_size = " + std::to_string(training.batch_size) + " rows of " +
                           std::to_string(shape.theta_size()) + " + " + std::to_string(shape.x_size()) +
                           " numbers",
                       "lower training.batch_size (training.multistep keeps the total of a step)");
}

// What a training keeps of every weight: the weight, its gradient, two moments and an average. On a GPU only
// the first of them passes through this machine's memory.
void require_network_memory(const model::Network& network, bool on_cpu) {
  double weights = 0;
  for (const auto& parameter : network.parameters()) weights += static_cast<double>(parameter.numel());
  core::require_memory(sizeof(float) * weights * (on_cpu ? 5 : 1),
                       "a network of " + core::brief_text(weights) + " weights" +
                           (on_cpu ? ", with their gradient, moments and average," : ""),
                       "lower the depth, the heads or the widths in the sections model and embedding");
}

std::string online_report(const data::StreamCounts& now, const data::StreamCounts& before) {
  const int64_t failed = now.failed - before.failed;
  return std::to_string(now.rows - before.rows) + " pairs were simulated while training" +
         (failed ? "; " + std::to_string(failed) + " simulations failed, and other draws took their places"
                 : "") +
         "; training waited " + core::duration_text(now.waited_seconds - before.waited_seconds) + " for them";
}

}  // namespace

TrainingRun::TrainingRun(std::string run, Experiment experiment, Execution execution)
    : experiment_(std::move(experiment)),
      execution_(std::move(execution)),
      device_(engine::choose_device(execution_.ranks->alone() ? execution_.device
                                                              : device_of_process(execution_.device))),
      seed_(static_cast<uint64_t>(experiment_.training.seed)),
      training_seed_(training_seed(experiment_.training)) {
  setup_.run = std::move(run);
}

void TrainingRun::build() {
  core::log::info(device_.sentence);
  if (experiment_.training.batch_size < ranks().size()) {
    throw core::UserError("training.batch_size = " + std::to_string(experiment_.training.batch_size) +
                          " rows cannot be divided among " + std::to_string(ranks().size()) +
                          " ranks; start fewer ranks, or raise training.batch_size");
  }
  build_engines();
  set_options();
  setup_.data.condition_mask =
      condition_mask(experiment_.condition_mask, dataset_.shape, joint_, device_.device);
  setup_.data.ranks = execution_.ranks;
  setup_.data.condition_drop_rate = teacher_ ? 0 : experiment_.strategy.condition_drop_rate;
  const data::DataShape& shape = dataset_.shape;
  setup_.data.x_tokens = joint_ ? shape.x_dim : 0;
  if (shape.x_dim > 0 && (shape.missing || (shape.padded && joint_))) {
    setup_.data.missing.emplace(missing_rate(), joint_, shape.theta_dim, shape.x_dim, shape.x_channels);
    if (joint_ && shape.missing && shape.x_channels > 1)
      core::log::info("a token of x of which a channel is missing is missing as a whole: the model is joint");
  }
  setup_.method = build_method(experiment_, joint_, device_.device);
  if (teacher_) return ask_teacher();
  if (experiment_.strategy.levels == method::Levels::learned)
    setup_.data.levels = setup_.method->training_levels();
}

void TrainingRun::require_same_inputs(int64_t step) {
  distributed::Communicator& all = ranks();
  if (all.alone()) return;
  const std::string config = all.broadcast(setup_.config), data = all.broadcast(dataset_.source);
  const std::string fingerprint = all.broadcast(setup_.model.remarks.at("data_crc32"));
  const std::string compute = all.broadcast(compute_reason_);
  const auto first_step = static_cast<int64_t>(all.broadcast(static_cast<double>(step)));
  const std::string& first = all.name_of(0);
  distributed::together(all, [&] {
    for (const checkpoint::Difference& one : checkpoint::differing_keys(config, setup_.config)) {
      if (std::find(places_of_data.begin(), places_of_data.end(), one.key) != places_of_data.end()) continue;
      throw core::UserError(one.key + " is " + one.ours + ", but " + one.theirs + " on " + first +
                            "; give every rank the same config and arguments");
    }
    if (fingerprint != setup_.model.remarks.at("data_crc32")) {
      throw core::UserError("the data (" + dataset_.source + ") are not those of " + first + " (" + data +
                            "); give every rank the same rows");
    }
    if (step != first_step) {
      throw core::UserError("the last checkpoint is of step " + std::to_string(step) + ", but " + first +
                            " sees one of step " + std::to_string(first_step) +
                            "; the run folder must lie on a file system that all hosts share: " + setup_.run);
    }
    if (compute != compute_reason_) {
      throw core::UserError(compute_reason_ + ", but on " + first + ": " + compute +
                            "; set training.compute to float32 or bfloat16");
    }
  });
}

void TrainingRun::set_options() {
  setup_.config = resolved_yaml(experiment_);
  setup_.training = experiment_.training;
  setup_.training.seed = static_cast<int64_t>(training_seed_);
  setup_.optimizer = experiment_.optimizer;
  setup_.output = experiment_.output;
}

void TrainingRun::build_engines() {
  if (!experiment_.embedding.options().learned && survey_.regression.empty())
    core::log::warning(
        "embedding.learned: false has no effect: there is no regression of theta on x that the summaries "
        "could begin with (data.regression), so that they are learned");
  const auto network = [&] {
    auto built = model::build_network(*experiment_.model, experiment_.embedding);
    if (!setup_.engine) require_network_memory(*built, device_.device.is_cpu());
    built->initialise(training_seed_);
    model::begin_with(survey_.regression, *built);
    return built;
  };
  auto trained = network();
  joint_ = trained->joint();
  if (joint_) data::require_no_shared_name(dataset_.theta_names, dataset_.x_names);
  const engine::Compute compute =
      engine::choose_compute(experiment_.training.compute, experiment_.model->param_dtype(), device_.device,
                             engine::fast_products(device_.device));
  auto chosen = engine::choose_engine(std::move(trained), compute, device_.device, execution_.engine);
  setup_.engine = std::move(chosen.engine);
  require_batch_memory(experiment_.training, dataset_.shape, experiment_.embedding.active(), *setup_.engine);
  setup_.ema_engine = engine::make_engine(network(), compute, device_.device, execution_.engine);
  setup_.runner = engine::make_step_runner(device_.device);
  compute_reason_ = compute.reason;
  engine_sentence_ = std::move(chosen.sentence);
}

void TrainingRun::check_levels() const {
  const train::TrainingOptions& training = experiment_.training;
  const int64_t moves = training.nsteps - std::max(training.val_every, train::LearnedLevels::first_step);
  if (!setup_.data.levels || moves > 0) return;
  core::log::warning(
      "strategy.levels: learned has no effect on a training this short: the levels of training move at "
      "validations (training.val_every = " +
      std::to_string(training.val_every) + ") from step " + std::to_string(train::LearnedLevels::first_step) +
      " on, but training.nsteps = " + std::to_string(training.nsteps));
}

void TrainingRun::estimate_step() {
  const StepSubject step{experiment_,    *unresolved_, *setup_.method, *setup_.engine,
                         dataset_.shape, seen_,        joint_,         execution_.engine};
  const auto costs = findings_of(experiment::estimate_step(step), step);
  look_.findings.insert(look_.findings.begin(), costs.begin(), costs.end());
}

void TrainingRun::open_folder(bool anew) {
  const std::string& run = setup_.run;
  try {
    fs::create_directories(run);
    lock_ = io::lock_folder(run);
    if (anew) remove_run(run);
  } catch (const fs::filesystem_error& problem) {
    throw core::UserError("-o " + run + ": cannot be made ready for the run: " + problem.code().message());
  }
  io::remove_leftovers(run + "/checkpoints");  // the trainer's own folder: nobody else writes there
  core::log::tee(run + "/train.log");
  io::write_text(run + "/config.yaml", setup_.config);
  if (anew) io::write_text(run + "/data.json", data::look_json(look_));
}

void TrainingRun::train(const std::optional<checkpoint::TrainingState>& state) {
  check_levels();
  core::log::info(compute_reason_);
  core::log::info(engine_sentence_);
  // What the ranks have said until here they have said alike.
  if (!ranks().leads()) core::log::set_level(core::log::Level::warning);
  if (dataset_.stream) before_training_ = dataset_.stream->counts();
  report(train::train(setup_, state));
}

void TrainingRun::report(const train::TrainingResult& result) const {
  core::log::info(std::string(result.stopped_early ? "stopped early" : "finished") + " at step " +
                  std::to_string(result.steps) + "; best validation loss " +
                  core::brief_text(result.best_validation_loss) + " at step " +
                  std::to_string(result.best_step) + "; wrote " + setup_.run + "/model.safetensors");
  if (dataset_.stream) core::log::info(online_report(dataset_.stream->counts(), before_training_));
  core::log::info(next_commands(setup_.run, dataset_.shape.x_dim > 0));
}

std::string next_commands(const std::string& run, bool has_x) {
  if (!has_x) return "next: fluxsbi sample " + run + " -n 10000 -o samples.npz";
  return "next: fluxsbi diagnose " + run + " says whether to believe it; fluxsbi sample " + run +
         " --x OBSERVATIONS -n 10000 -o samples.npz";
}

void check_run_folder(const std::string& run, bool force) {
  if (fs::exists(run) && !fs::is_directory(run))
    throw core::UserError("-o " + run + ": is a file; name a folder for the run");
  io::lock_folder(run);  // early, and given up again
  if (force) return;
  if (fs::exists(fs::path(run) / "config.yaml")) {
    throw core::UserError("-o " + run + ": holds a run already; continue it with 'fluxsbi resume " + run +
                          "', or use --force to replace it");
  }
  for (const char* name : run_files) {
    if (!fs::exists(fs::path(run) / name)) continue;
    throw core::UserError("-o " + run + ": holds " + name +
                          ", which the run would replace; name another folder, or use --force");
  }
}

}  // namespace fluxsbi::experiment
