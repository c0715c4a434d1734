#include "evidence/tiny_model.hpp"

#include <span>

#include "core/philox.hpp"
#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "experiment/open_posterior.hpp"
#include "io/files.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::test {

namespace {

const char* const still_config =
    "strategy: {method: flow, model: flux1}\n"
    "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32, "
    "id_embedding_strategy: [absolute, absolute]}\n"
    "sampling: {solver: rk4, steps: 2}\n";

const char* const still_joint_config =
    "strategy: {method: flow, model: flux1joint}\n"
    "model: {depth_single_blocks: 1, num_heads: 2, id_merge_mode: sum, val_emb_dim: 8, "
    "param_dtype: float32}\n"
    "sampling: {solver: rk4, steps: 2}\n";

checkpoint::ModelFile model_of(const char* config, bool missing) {
  checkpoint::ModelFile file;
  file.config = config;
  file.shape = {2, 1, 3, 1, {}, {}};
  file.shape.missing = missing;
  file.most_missing = missing ? 1 : 0;
  file.theta = {{first_mean, second_mean}, {first_sd, second_sd}};
  file.x = {{0, 0, 0}, {2, 2, 2}};
  file.theta_names = {"a", "b"};
  file.x_names = {"x_0", "x_1", "x_2"};
  auto estimator = experiment::read_estimator(config::parse_yaml(file.config, "config"));
  model::resolve(*estimator.model, estimator.embedding, file.shape);
  const auto network = model::build_network(*estimator.model, estimator.embedding);
  for (auto& item : network->named_parameters())
    file.weights.emplace(item.key(), engine::to_array(at::zeros_like(item.value())));
  return file;
}

}  // namespace

checkpoint::ModelFile still_model(bool missing) {
  return model_of(still_config, missing);
}

checkpoint::ModelFile still_joint_model() {
  return model_of(still_joint_config, false);
}

sample::Posterior posterior_of(const checkpoint::ModelFile& file) {
  return experiment::make_posterior(file, {"cpu", "auto"}, "float32");
}

evidence::Pairs still_pairs(int64_t rows, double shift, uint64_t seed) {
  core::Philox random(seed, core::Purpose::test);
  evidence::Pairs pairs;
  pairs.rows = rows;
  pairs.source = "toy";
  for (int64_t n = 0; n < rows; ++n) {
    pairs.theta.push_back(first_mean + shift + first_sd * random.normal());
    pairs.theta.push_back(second_mean + second_sd * random.normal());
    for (int i = 0; i < 3; ++i) pairs.x.push_back(2 * random.normal());
  }
  return pairs;
}

void save_still_pairs(const std::string& path, const evidence::Pairs& pairs) {
  io::save_arrays(path, {{"theta", io::Array::from(std::span<const double>(pairs.theta), {pairs.rows, 2})},
                         {"x", io::Array::from(std::span<const double>(pairs.x), {pairs.rows, 3})}});
}

}  // namespace fluxsbi::test
