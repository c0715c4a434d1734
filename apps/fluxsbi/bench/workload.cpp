#include "bench/workload.hpp"

#include <algorithm>
#include <array>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <ATen/record_function.h>

#include "engine/weights.hpp"
#include "experiment/estimator.hpp"
#include "experiment/open_posterior.hpp"
#include "model/embedding/embedded_network.hpp"
#include "train/tensor_rows.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr double spread = 0.05;  // of the noise that moves parameters away from their start values

const std::array all_workloads{
    Workload{"flux1", false, "Flux1, 4 double and 8 single blocks, 4 heads of 10, 2 + 2 tokens, float32",
             "{num_heads: 4, axes_dim: [10], mlp_ratio: 4, depth: 4, depth_single_blocks: 8, "
             "param_dtype: float32}"},
    Workload{"flux1joint", true, "Flux1Joint, 12 single blocks, 4 heads of 8 + 4, 4 tokens, float32",
             "{num_heads: 4, axes_dim: [8], condition_dim: [4], mlp_ratio: 4, depth_single_blocks: 12, "
             "param_dtype: float32}"},
    Workload{"simformer", true, "Simformer, 6 layers of width 40 + 10 + 10, 4 heads, 4 tokens, float32",
             "{dim_value: 40, dim_id: 10, dim_condition: 10, num_heads: 4, num_layers: 6, "
             "fourier_features: 128, widening_factor: 3}"},
};

experiment::Estimator estimator_of(const Workload& workload) {
  return experiment::read_estimator(config::parse_yaml(config_of(workload, "flow"), "bench"));
}

thread_local std::vector<Product>* recorded = nullptr;

// Called by LibTorch before each operation: notes the products of at::linear(x, weight, bias).
std::unique_ptr<at::ObserverContext> note_product(const at::RecordFunction& operation) {
  if (std::string_view(operation.name()) != "aten::linear") return nullptr;
  const at::Tensor &x = operation.inputs().at(0).toTensor(), &weight = operation.inputs().at(1).toTensor();
  const Product product{x.numel() / weight.size(1), weight.size(1), weight.size(0), 1};
  const auto found = std::find_if(recorded->begin(), recorded->end(), [&](const Product& other) {
    return other.rows == product.rows && other.in == product.in && other.out == product.out;
  });
  if (found == recorded->end()) {
    recorded->push_back(product);
  } else {
    ++found->times;
  }
  return nullptr;
}

}  // namespace

std::span<const Workload> workloads() {
  return all_workloads;
}

std::string config_of(const Workload& workload, const std::string& method) {
  return "strategy: {method: " + method + ", model: " + std::string(workload.model) +
         "}\nmodel: " + workload.section + "\n";
}

data::DataShape shape_of(const Workload& workload) {
  data::DataShape shape;
  shape.theta_dim = shape.x_dim = workload.tokens;
  return shape;
}

std::shared_ptr<model::Network> make_network(const Workload& workload, uint64_t seed) {
  const at::NoGradGuard no_gradient;
  experiment::Estimator estimator = estimator_of(workload);
  model::resolve(*estimator.model, estimator.embedding, shape_of(workload));
  const auto network = model::build_network(*estimator.model, estimator.embedding);
  network->initialise(seed);
  at::manual_seed(seed);
  for (at::Tensor& parameter : network->parameters()) parameter.add_(at::randn_like(parameter), spread);
  return network;
}

namespace {

// What a model file of the network would hold, trained by `method`; data are standardised already.
checkpoint::ModelFile model_file(const Workload& workload, const std::string& method) {
  const auto engine = engine::make_reference_engine(make_network(workload, 0), at::kFloat, at::kCPU);
  checkpoint::ModelFile file;
  file.weights = engine::weights_by_name(engine->parameters(), engine->parameters().master);
  file.config = config_of(workload, method);
  file.shape = shape_of(workload);
  file.theta = file.x = {std::vector<double>(static_cast<size_t>(workload.tokens), 0.0),
                         std::vector<double>(static_cast<size_t>(workload.tokens), 1.0)};
  file.theta_names = {"theta_0", "theta_1"};
  file.x_names = {"x_0", "x_1"};
  return file;
}

}  // namespace

sample::Posterior posterior_of(const Workload& workload, const std::string& method, at::Device device) {
  return experiment::make_posterior(model_file(workload, method), {device.str(), "auto"}, "float32");
}

std::unique_ptr<method::Method> make_method(const Workload& workload) {
  return estimator_of(workload).method->build();
}

train::TrainingData make_data(const Workload& workload, int64_t n, at::Device device) {
  train::TrainingData data;
  const auto theta = at::randn({n, workload.joint ? 2 * workload.tokens : workload.tokens, 1}).to(device);
  at::Tensor x;
  if (workload.joint) {
    data.condition_mask = method::ConditionMask({}, workload.tokens, workload.tokens, device);
  } else {
    x = at::randn({n, workload.tokens, 1}).to(device);
  }
  data.training = data.validation = train::tensor_rows(theta, x);
  return data;
}

model::Inputs make_inputs(const Workload& workload, int64_t batch, at::Device device) {
  const auto data = make_data(workload, batch, device);
  model::Inputs inputs;
  inputs.t = at::rand({batch}).to(device);
  const method::Batch rows = data.training->slice(0, batch);
  inputs.obs = rows.obs;
  inputs.cond = rows.cond;
  if (const auto& mask = data.condition_mask) {
    inputs.condition_mask = mask->draw(at::rand({batch, mask->numbers()}, rows.obs.options()));
  }
  return inputs;
}

std::vector<Product> products(model::Network& network, const model::Inputs& inputs) {
  const at::NoGradGuard no_gradient;
  std::vector<Product> list;
  recorded = &list;
  const auto observer = at::addThreadLocalCallback(
      at::RecordFunctionCallback(note_product).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  network.forward(inputs);
  at::removeCallback(observer);
  recorded = nullptr;
  return list;
}

}  // namespace fluxsbi::app::bench
