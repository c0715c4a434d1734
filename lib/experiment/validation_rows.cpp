#include "experiment/validation_rows.hpp"

#include <filesystem>
#include <utility>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "experiment/experiment.hpp"
#include "experiment/training_run.hpp"

namespace fluxsbi::experiment {

ValidationRows validation_rows(const std::string& run) {
  const std::filesystem::path config = std::filesystem::path(run) / "config.yaml";
  std::error_code ignored;
  if (!std::filesystem::exists(config, ignored))
    throw core::UserError(run + ": is no run folder (no config.yaml in it), so it names no data");
  std::string note;
  const checkpoint::ModelFile model = checkpoint::load_model(checkpoint::find_model(run, note));
  TrainingRun opened("", read_experiment(config::load_yaml(config.string())), {"cpu", "auto"});
  opened.open_data();
  opened.survey_data();
  const auto trained_on = model.remarks.find("data_crc32");
  if (trained_on != model.remarks.end() &&
      trained_on->second != std::to_string(opened.survey().fingerprint)) {
    throw core::UserError(run + ": the data (" + opened.dataset().source +
                          ") have changed since the model was trained on them");
  }
  ValidationRows found{opened.dataset(), opened.survey().split.validation};
  for (int64_t& row : found.rows) row = opened.survey().kept[row];
  return found;
}

}  // namespace fluxsbi::experiment
