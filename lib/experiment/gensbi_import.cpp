#include "experiment/gensbi_import.hpp"

#include <limits>

#include "core/commit.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/version.hpp"
#include "data/files/names.hpp"
#include "engine/gensbi_weights.hpp"
#include "experiment/experiment.hpp"

namespace fluxsbi::experiment {

namespace {

void check_model(const checkpoint::GensbiExport& weights, const Experiment& experiment,
                 const checkpoint::GensbiFiles& files) {
  if (experiment.embedding.active()) {
    throw core::UserError(files.config + ": has a section embedding, but an export of GenSBI's holds no " +
                          "embedding network; remove the section");
  }
  if (weights.model.empty() || weights.model == experiment.model->name()) return;
  throw core::UserError(files.config + ": strategy.model is " + std::string(experiment.model->name()) +
                        ", but " + files.weights + " holds a " + weights.model +
                        " (its metadata say); name the YAML of this model with --config");
}

// Where the YAML is silent, GenSBI's own defaults, which are not ours: the base of RoPE follows the number of
// tokens, and Flux1 of the newer generation (the older one has a null condition) has learned ids.
void fill_defaults(config::Value& document, const io::Arrays& weights) {
  const auto any = [&](const std::string& head) {
    const auto found = weights.lower_bound(head);
    return found != weights.end() && found->first.starts_with(head);
  };
  const config::Value* section = document.find("model");
  const auto set = [&](const char* key, const char* value) {
    if (!section || !section->find(key))
      config::set_from_command_line(document, std::string("model.") + key + "=" + value);
  };
  if (any("double_blocks.") && !any("condition_null")) set("id_embedding_strategy", "[absolute, absolute]");
  if (any("single_blocks.") && !any("ids_embedder.")) set("theta", "-1");
}

data::Standardiser identity(int64_t size) {
  const auto count = static_cast<size_t>(size);
  return {std::vector<double>(count, 0), std::vector<double>(count, 1)};
}

}  // namespace

checkpoint::ModelFile import_gensbi(const GensbiImport& import) {
  const auto weights = checkpoint::load_gensbi_export(import.files.weights);
  config::Value document = config::load_yaml(import.files.config);
  fill_defaults(document, weights.arrays);
  Experiment experiment = read_experiment(document);
  for (const auto& warning : experiment.warnings) core::log::warning(warning);
  check_model(weights, experiment, import.files);

  checkpoint::ModelFile file;
  file.shape = checkpoint::gensbi_shape(weights.arrays, document, import.files, import.tokens);
  experiment.model->resolve(file.shape);
  for (const auto& remark : experiment.model->remarks()) core::log::info(remark);
  file.weights =
      engine::weights_from_gensbi(*experiment.model->build(), weights.arrays, import.files.weights);

  auto& data = experiment.data;
  if (!import.theta_names.empty()) data.theta_names = import.theta_names;
  if (!import.x_names.empty()) data.x_names = import.x_names;
  file.theta_names = data::resolve_names(data.theta_names, "theta", file.shape.theta_dim);
  file.x_names = data::resolve_names(data.x_names, "x", file.shape.x_dim);
  file.theta = identity(file.shape.theta_size());
  file.x = identity(file.shape.x_size());
  data.standardise_theta = data.standardise_x = data::Standardise::none;
  file.config = resolved_yaml(experiment);
  file.validation_loss = std::numeric_limits<double>::quiet_NaN();
  file.version = core::version;
  file.remarks["source"] = "GenSBI: " + import.files.weights + " with " + import.files.config;
  file.remarks["commit"] = core::source_commit();
  return file;
}

}  // namespace fluxsbi::experiment
