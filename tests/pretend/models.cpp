#include "pretend/models.hpp"

#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "core/log.hpp"
#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "experiment/open_posterior.hpp"
#include "model/embedding/embedded_network.hpp"

namespace fluxsbi::test {

namespace {

std::string section_of(const std::string& model) {
  if (model == "simformer")
    return "{dim_value: 10, dim_id: 4, dim_condition: 2, num_heads: 2, num_layers: 2}";
  if (model == "flux1joint")
    return "{depth_single_blocks: 2, num_heads: 2, id_merge_mode: sum, val_emb_dim: 8, param_dtype: float32}";
  return "{depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32, "
         "id_embedding_strategy: [absolute, absolute]}";
}

}  // namespace

std::string estimator_config(const std::string& model, const std::string& method, const ConfigParts& parts) {
  return "strategy: {method: " + method + ", model: " + model + parts.strategy +
         "}\nmodel: " + section_of(model) + "\n" + parts.sections;
}

experiment::Experiment tiny_experiment(const std::string& model, const std::string& method,
                                       const std::string& training, const ConfigParts& parts) {
  core::log::set_level(core::log::Level::error);
  return experiment::read_experiment(
      config::parse_yaml(estimator_config(model, method, parts) + "data: {" + parts.data +
                             "}\noutput: {tensorboard: false}\n"
                             "training: {nsteps: 12, batch_size: 16, val_every: 6, save_every: 6, "
                             "log_every: 3" +
                             training + "}\n",
                         "tiny.yaml"));
}

checkpoint::ModelFile random_model(const std::string& config, int64_t x_dim, uint64_t seed) {
  core::log::set_level(core::log::Level::error);
  checkpoint::ModelFile file;
  file.config = config + "prior: {kind: box, low: [3], high: [8]}\n";
  file.shape = {2, 1, x_dim, 1, {}, {}};
  file.theta = {{5, 6}, {1, 1}};
  const auto width = static_cast<size_t>(x_dim);
  file.x = {std::vector<double>(width, -1), std::vector<double>(width, 2)};
  file.theta_names = {"a", "b"};
  for (int64_t i = 0; i < x_dim; ++i) file.x_names.push_back("x_" + std::to_string(i));
  auto estimator = experiment::read_estimator(config::parse_yaml(file.config, "config"));
  model::resolve(*estimator.model, estimator.embedding, file.shape);
  const auto network = model::build_network(*estimator.model, estimator.embedding);
  const at::NoGradGuard no_gradient;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (auto& item : network->named_parameters()) {
    item.value().normal_(0, 0.15, generator);
    file.weights.emplace(item.key(), engine::to_array(item.value()));
  }
  return file;
}

checkpoint::ModelFile random_ensemble(const std::string& config) {
  checkpoint::ModelFile file = random_model(config);
  file.members = {random_model(config, 3, 1), random_model(config, 3, 2)};
  return file;
}

sample::Posterior posterior_on(const std::string& device, const checkpoint::ModelFile& file) {
  return experiment::make_posterior(file, {device, "reference"}, "float32");
}

std::vector<double> observations(int64_t rows, int64_t x_dim) {
  std::vector<double> x;
  for (int64_t i = 0; i < rows * x_dim; ++i)
    x.push_back(static_cast<float>(std::sin(static_cast<double>(i)) - 1));
  return x;
}

double largest_difference(std::span<const double> a, std::span<const double> b) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return infinity;
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isfinite(a[i]) != std::isfinite(b[i])) return infinity;
    if (std::isfinite(a[i])) largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

}  // namespace fluxsbi::test
