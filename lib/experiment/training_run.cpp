#include "experiment/training_run.hpp"

#include <array>
#include <filesystem>
#include <utility>

#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/source/standardised_rows.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "io/atomic_file.hpp"
#include "model/embedding/embedded_network.hpp"
#include "train/data_rows.hpp"

namespace fluxsbi::experiment {

namespace {

namespace fs = std::filesystem;

constexpr std::array run_files{"config.yaml", "metrics.jsonl", "train.log", "model.safetensors",
                               "checkpoints"};

void remove_run(const fs::path& run) {
  for (const char* name : run_files) fs::remove_all(run / name);
  for (const auto& entry : fs::directory_iterator(run)) {
    if (entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0) fs::remove(entry.path());
  }
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
  auto method = experiment.method->build();
  const std::string problem = method->problem({joint, experiment.training.batch_size, device});
  if (!problem.empty()) throw core::UserError(problem);
  return method;
}

train::RowChoice choose_kept(const data::Complement& kept, const data::Complement& split) {
  return {split.size(), [&kept, &split](int64_t i) { return kept[split[i]]; }};
}

train::RowChoice choose_kept(const data::Complement& kept, const std::vector<int64_t>& split) {
  return {std::ssize(split), [&kept, &split](int64_t i) { return kept[split[static_cast<size_t>(i)]]; }};
}

}  // namespace

TrainingRun::TrainingRun(std::string run, Experiment experiment, Execution execution)
    : experiment_(std::move(experiment)),
      execution_(std::move(execution)),
      device_(engine::choose_device(execution_.device)),
      seed_(static_cast<uint64_t>(experiment_.training.seed)) {
  core::log::info(device_.sentence);
  setup_.run = std::move(run);
}

void TrainingRun::open_data() {
  dataset_ = data::open_dataset(experiment_.data, seed_);
  if (experiment_.prior.kind == data::PriorKind::none) {
    dataset_.prior.transform = experiment_.prior.transform;
    experiment_.prior = dataset_.prior;
  }
  data::make_prior(experiment_.prior, dataset_.shape.theta_size());  // says what does not fit before any work
  model::resolve(*experiment_.model, experiment_.embedding, dataset_.shape);
  if (!experiment_.choice.empty()) core::log::info(experiment_.choice);
  for (const auto& remark : experiment_.embedding.remarks()) core::log::info(remark);
  for (const auto& remark : experiment_.model->remarks()) core::log::info(remark);
  if (!dataset_.remarks.empty()) core::log::info(dataset_.remarks);
}

void TrainingRun::survey_data() {
  const auto prior = data::make_prior(experiment_.prior, dataset_.shape.theta_size());
  survey_ = data::survey(dataset_, experiment_.data, seed_, data::theta_ends(experiment_.prior, prior.get()));
  for (const std::string& remark : survey_.remarks) core::log::info(remark);
  const std::string training = std::to_string(survey_.split.training.size());
  const std::string validation = std::to_string(survey_.split.validation.size());
  core::log::info(dataset_.source + ": " + training + " rows to train on, " + validation + " to validate" +
                  (survey_.dropped ? ", " + std::to_string(survey_.dropped) + " dropped" : ""));
  checkpoint::ModelFile& model = setup_.model;
  model.shape = dataset_.shape;
  model.theta_names = dataset_.theta_names;
  model.x_names = dataset_.x_names;
  model.theta = survey_.theta;
  model.x = survey_.x;
  model.version = core::version;
  model.remarks["source"] = dataset_.source;
  model.remarks["training_rows"] = training;
  model.remarks["validation_rows"] = validation;
  model.remarks["data_crc32"] = std::to_string(survey_.fingerprint);
  model.remarks["commit"] = core::source_commit();
}

void TrainingRun::require_same_data(const checkpoint::TrainingState& state) const {
  const auto found = state.model.remarks.find("data_crc32");
  if (found == state.model.remarks.end() || found->second == setup_.model.remarks.at("data_crc32")) return;
  throw core::UserError(
      setup_.run + ": the data (" + dataset_.source +
      ") are not those that the checkpoint was trained on; restore the file, or start a new run with train");
}

void TrainingRun::build() {
  const auto network = [&] {
    auto built = model::build_network(*experiment_.model, experiment_.embedding);
    built->initialise(seed_);
    return built;
  };
  auto trained = network();
  joint_ = trained->joint();
  setup_.config = resolved_yaml(experiment_);
  setup_.training = experiment_.training;
  setup_.optimizer = experiment_.optimizer;
  setup_.output = experiment_.output;
  setup_.data.condition_mask =
      condition_mask(experiment_.condition_mask, dataset_.shape, joint_, device_.device);
  setup_.data.condition_drop_rate = experiment_.strategy.condition_drop_rate;
  setup_.method = build_method(experiment_, joint_, device_.device);
  const engine::Compute compute =
      engine::choose_compute(experiment_.training.compute, experiment_.model->param_dtype(), device_.device,
                             engine::has_bfloat16(device_.device));
  auto chosen = engine::choose_engine(std::move(trained), compute.type, device_.device, execution_.engine);
  setup_.engine = std::move(chosen.engine);
  setup_.ema_engine = engine::make_engine(network(), compute.type, device_.device, execution_.engine);
  setup_.runner = engine::make_step_runner(device_.device);
  compute_reason_ = compute.reason;
  engine_sentence_ = std::move(chosen.sentence);
}

void TrainingRun::open_folder(bool anew) {
  const std::string& run = setup_.run;
  try {
    fs::create_directories(run);
    if (anew) remove_run(run);
  } catch (const fs::filesystem_error& problem) {
    throw core::UserError("-o " + run + ": cannot be made ready for the run: " + problem.code().message());
  }
  io::remove_leftovers(run + "/checkpoints");  // the trainer's own folder: nobody else writes there
  core::log::tee(run + "/train.log");
  io::write_text(run + "/config.yaml", setup_.config);
}

// Rows that lie in memory are given up once they are standardised on the device.
void TrainingRun::take_rows() {
  const train::RowLayout layout{dataset_.shape, joint_, device_.device};
  const auto training = choose_kept(survey_.kept, survey_.split.training);
  const auto validation = choose_kept(survey_.kept, survey_.split.validation);
  const bool stays = !dataset_.rows->in_memory();
  auto rows = std::make_shared<const data::StandardisedRows>(std::exchange(dataset_.rows, nullptr),
                                                             survey_.theta, survey_.x);
  setup_.data.training =
      stays ? train::stream_rows(rows, training, layout) : train::gather_rows(*rows, training, layout);
  setup_.data.validation =
      stays ? train::stream_rows(rows, validation, layout) : train::gather_rows(*rows, validation, layout);
}

void TrainingRun::train(const std::optional<checkpoint::TrainingState>& state) {
  core::log::info(compute_reason_);
  core::log::info(engine_sentence_);
  take_rows();
  report(train::train(setup_, state));
}

void TrainingRun::report(const train::TrainingResult& result) const {
  core::log::info(std::string(result.stopped_early ? "stopped early" : "finished") + " at step " +
                  std::to_string(result.steps) + "; best validation loss " +
                  core::number_text(result.best_validation_loss) + " at step " +
                  std::to_string(result.best_step) + "; wrote " + setup_.run + "/model.safetensors");
  const bool has_x = dataset_.shape.x_dim > 0;
  core::log::info("next: fluxsbi sample " + setup_.run + (has_x ? " --x OBSERVATIONS" : "") +
                  " -n 10000 -o samples.npz");
}

void check_run_folder(const std::string& run, bool force) {
  if (fs::exists(run) && !fs::is_directory(run))
    throw core::UserError("-o " + run + ": is a file; name a folder for the run");
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

void start_training(const std::string& run, Experiment experiment, const Execution& execution) {
  TrainingRun training(run, std::move(experiment), execution);
  training.open_data();
  training.survey_data();
  training.build();
  training.open_folder(/*anew=*/true);
  training.train(std::nullopt);
}

void continue_training(const std::string& run, Experiment experiment, const Execution& execution,
                       const std::optional<checkpoint::TrainingState>& state) {
  TrainingRun training(run, std::move(experiment), execution);
  training.open_data();
  training.survey_data();
  if (state) training.require_same_data(*state);
  training.build();
  training.open_folder(/*anew=*/false);
  training.train(state);
}

}  // namespace fluxsbi::experiment
