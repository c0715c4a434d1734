// What a TrainingRun does with its data: it opens, surveys and looks at them, and hands their rows to the
// trainer.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "core/version.hpp"
#include "data/files/names.hpp"
#include "data/screening/use_x.hpp"
#include "data/simulate/online.hpp"
#include "data/source/standardised_rows.hpp"
#include "data/symmetry/symmetric_rows.hpp"
#include "experiment/training_run.hpp"
#include "model/embedding/embedded_network.hpp"
#include "train/data_rows.hpp"
#include "train/online_rows.hpp"

namespace fluxsbi::experiment {

namespace {

data::Fold fold_of(const train::TrainingOptions& training) {
  return {training.member.value_or(0), training.ensemble};
}

train::RowChoice choose_kept(const data::Complement& kept, const data::Complement& split) {
  return {split.size(), [&kept, &split](int64_t i) { return kept[split[i]]; }};
}

train::RowChoice choose_kept(const data::Complement& kept, const std::vector<int64_t>& split) {
  return {std::ssize(split), [&kept, &split](int64_t i) { return kept[split[static_cast<size_t>(i)]]; }};
}

// Rows of symmetric_rows: all forms of the first row, of the second, ...; `rows` are those of the source.
train::RowChoice in_all_forms(const train::RowChoice& plain, int64_t rows, int64_t forms) {
  if (forms < 2) return plain;
  return {plain.size * forms,
          [plain, rows, forms](int64_t i) { return plain.row(i / forms) + i % forms * rows; }};
}

}  // namespace

void TrainingRun::open_data() {
  dataset_ = experiment_.data.online
                 ? data::open_online(experiment_.data, experiment_.simulator, experiment_.prior, seed_,
                                     core::stop_requested, execution_.ranks)
                 : data::open_dataset(experiment_.data, seed_);
  const int64_t parameters = dataset_.shape.theta_size();
  data::make_prior(experiment_.prior, parameters);  // says what does not fit before any work
  if (experiment_.prior.kind == data::PriorKind::none) {
    dataset_.prior.transform = experiment_.prior.transform;
    experiment_.prior = dataset_.prior;
  }
  if (teacher_) require_variables_of_teacher();
  unresolved_ = experiment_.model->clone();
  seen_ = model::resolve(*experiment_.model, experiment_.embedding, dataset_.shape);
  if (!experiment_.x_choice.empty()) core::log::info(experiment_.x_choice);
  if (!dataset_.shape.x_places.empty())
    core::log::info("the model sees " + data::seen_text(dataset_.shape, dataset_.x_names));
  if (!experiment_.choice.empty()) core::log::info(experiment_.choice);
  for (const auto& remark : experiment_.embedding.remarks()) core::log::info(remark);
  for (const auto& remark : experiment_.model->remarks()) core::log::info(remark);
  if (!dataset_.remarks.empty()) core::log::info(dataset_.remarks);
}

void TrainingRun::survey_data() {
  const auto prior = data::make_prior(experiment_.prior, dataset_.shape.theta_size());
  const double begin = core::steady_seconds();
  survey_ = data::survey(dataset_, experiment_.data, seed_, data::theta_ends(experiment_.prior, prior.get()),
                         data::block_numbers, fold_of(experiment_.training));
  core::log::debug("the survey of the data took " + core::number_text(core::steady_seconds() - begin) + " s");
  for (const std::string& remark : survey_.remarks) core::log::info(remark);
  const std::string training = std::to_string(survey_.split.training.size());
  const std::string validation = std::to_string(survey_.split.validation.size());
  core::log::info(dataset_.source + ": " + training + " rows to " +
                  (dataset_.stream ? "fit the standardisers" : "train on") + ", " + validation +
                  " to validate" +
                  (survey_.dropped ? ", " + std::to_string(survey_.dropped) + " dropped" : ""));
  if (teacher_) keep_standardisation();
  checkpoint::ModelFile& model = setup_.model;
  model.shape = dataset_.shape;
  model.theta_names = dataset_.theta_names;
  model.x_names = dataset_.x_names;
  model.theta = survey_.theta;
  model.x = survey_.x;
  model.regression = survey_.regression;
  model.version = core::version;
  model.remarks["source"] = dataset_.source;
  model.remarks["training_rows"] = dataset_.stream ? "simulated while training" : training;
  model.remarks["validation_rows"] = validation;
  model.remarks["data_crc32"] = std::to_string(survey_.fingerprint);
  model.remarks["commit"] = core::source_commit();
  if (dataset_.shape.missing) note_missing();
}

void TrainingRun::keep_symmetries(const checkpoint::TrainingState& state) {
  if (experiment_.data.symmetries != "auto") return;
  const auto found = state.model.remarks.find("symmetries");
  kept_symmetries_ = found == state.model.remarks.end() ? "none" : found->second;
}

// Pairs that are simulated while training come in all their forms by themselves.
void TrainingRun::find_symmetries() {
  const std::string wanted = kept_symmetries_.value_or(experiment_.data.symmetries);
  if (dataset_.stream || wanted == "none") return;
  const std::vector<int64_t> training = survey_.training_rows();
  const data::RowNames names{data::feature_names(dataset_.theta_names, dataset_.shape.theta_channels),
                             data::feature_names(dataset_.x_names, dataset_.shape.x_channels)};
  symmetries_ = data::choose_symmetries(wanted, *dataset_.rows, {dataset_.shape, names, training});
  if (!symmetries_.remark.empty()) core::log::info(symmetries_.remark);
  if (!symmetries_.forms.empty()) setup_.model.remarks["symmetries"] = symmetries_.text;
}

double TrainingRun::missing_rate() const {
  if (!dataset_.shape.missing) return 0;
  return experiment_.data.missing_rate.value_or(survey_.missing.rate_besides());
}

void TrainingRun::note_missing() {
  const data::MissingCount& missing = survey_.missing;
  const auto names = data::feature_names(dataset_.x_names, dataset_.shape.x_channels);
  const double rate = missing_rate();
  setup_.model.most_missing = missing.usual(rate);
  core::log::info("data.nan: impute: " + missing.text(names) +
                  "; training hides further values at random, a share of " + core::number_text(rate) +
                  " (data.missing_rate)");
  if (rate > 0) return;
  std::vector<std::string> never;
  for (size_t i = 0; i < names.size(); ++i) {
    if (missing.of_feature()[i] == 0) never.push_back(names[i]);
  }
  if (never.empty()) return;
  core::log::warning(core::list_first(never, 6) + (never.size() == 1 ? " is" : " are") +
                     " never missing in training, so the model cannot know what to answer without " +
                     (never.size() == 1 ? "it" : "them") + "; set data.missing_rate above 0");
}

void TrainingRun::require_same_data(const checkpoint::TrainingState& state) const {
  const auto found = state.model.remarks.find("data_crc32");
  if (found == state.model.remarks.end() || found->second == setup_.model.remarks.at("data_crc32")) return;
  throw core::UserError(
      setup_.run + ": the data (" + dataset_.source + ") are not those that the checkpoint was trained on; " +
      (dataset_.stream
           ? "a simulator must give the same numbers for the same FLUXSBI_SEED to be resumed; restore it"
           : "restore the file") +
      ", or start a new run with train");
}

void TrainingRun::look_at_data() {
  const auto prior = data::make_prior(experiment_.prior, dataset_.shape.theta_size());
  const bool fitted = !survey_.theta.mean.empty();
  const double begin = core::steady_seconds();
  look_ = data::look(dataset_, experiment_.data,
                     {.prior = prior.get(),
                      .joint = joint_,
                      .theta = fitted ? &survey_.theta : nullptr,
                      .x = fitted ? &survey_.x : nullptr,
                      .theta_tallies = survey_.theta_tallies,
                      .x_tallies = survey_.x_tallies,
                      .dropped = fitted ? std::optional(survey_.dropped) : std::nullopt,
                      .seed = seed_});
  survey_.theta_tallies = survey_.x_tallies = {};
  core::log::debug("the look at the data took " + core::number_text(core::steady_seconds() - begin) + " s");
  setup_.model.reference = look_.reference;
}

// Rows that lie in memory are given up once they are standardised on the device.
void TrainingRun::take_rows() {
  const train::RowLayout layout{dataset_.shape, joint_, device_.device};
  const int64_t first = dataset_.rows->rows();
  const auto plain = choose_kept(survey_.kept, survey_.split.training);
  const auto training = in_all_forms(plain, first, std::ssize(symmetries_.forms));
  const auto validation = choose_kept(survey_.kept, survey_.split.validation);
  const bool stays = !dataset_.rows->in_memory();
  if (!symmetries_.forms.empty())
    dataset_.rows = data::symmetric_rows(*dataset_.rows, std::move(symmetries_.forms));
  const std::shared_ptr<const data::RowSource> source = std::exchange(dataset_.rows, nullptr);
  const auto taken = [&](const train::RowChoice& choice, const data::Regression& regression) {
    auto rows = std::make_shared<const data::StandardisedRows>(source, survey_.theta, survey_.x, regression);
    return stays ? train::stream_rows(std::move(rows), choice, layout)
                 : train::gather_rows(*rows, choice, layout);
  };
  setup_.data.training = dataset_.stream ? train::online_rows({dataset_.stream, first, experiment_.data.reuse,
                                                               survey_.theta, survey_.x, survey_.regression},
                                                              layout)
                                         : taken(training, survey_.regression_of_training);
  setup_.data.validation = taken(validation, survey_.regression);
}

}  // namespace fluxsbi::experiment
