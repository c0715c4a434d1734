#include "bench/workload.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "config/reader.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr double spread = 0.05;  // of the noise that moves parameters away from their start values

// Rows of a Linear layer's input, from its name: what depends on the time alone has one a sample.
int64_t rows_of(const std::string& name, int64_t batch) {
  const auto holds = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (holds("mod") || holds("time_in")) return batch;
  return holds("single_blocks") ? 2 * token_count * batch : token_count * batch;
}

template <class Spec>
std::unique_ptr<Spec> read(std::unique_ptr<Spec> spec) {
  const config::Value document = config::parse_yaml(workload_config(), "bench");
  config::Reader reader(document);
  spec->read(reader);
  reader.finish_part();
  return spec;
}

}  // namespace

std::string workload_config() {
  return R"(strategy: {method: flow, model: flux1}
model:
  num_heads: 4
  axes_dim: [10]
  mlp_ratio: 4
  depth: 4
  depth_single_blocks: 8
  param_dtype: float32
)";
}

data::DataShape workload_shape() {
  data::DataShape shape;
  shape.obs_dim = shape.cond_dim = token_count;
  return shape;
}

std::shared_ptr<model::Network> make_network(uint64_t seed) {
  const at::NoGradGuard no_gradient;
  const auto spec = read(model::make_spec("flux1"));
  spec->resolve(workload_shape());
  const auto network = spec->build();
  network->initialise(seed);
  at::manual_seed(seed);
  for (at::Tensor& parameter : network->parameters()) parameter.add_(at::randn_like(parameter), spread);
  return network;
}

std::unique_ptr<method::Method> make_method() {
  return read(method::make_spec("flow"))->build();
}

train::TrainingData make_data(int64_t n, at::Device device) {
  train::TrainingData data;
  data.obs = at::randn({n, token_count, 1}).to(device);
  data.cond = at::randn({n, token_count, 1}).to(device);
  data.validation_obs = data.obs;
  data.validation_cond = data.cond;
  return data;
}

model::Inputs make_inputs(int64_t batch, at::Device device) {
  model::Inputs inputs;
  inputs.t = at::rand({batch}).to(device);
  inputs.obs = at::randn({batch, token_count, 1}).to(device);
  inputs.cond = at::randn({batch, token_count, 1}).to(device);
  return inputs;
}

std::vector<Product> products(const engine::FlatParameters& parameters, int64_t batch) {
  std::vector<Product> list;
  for (const auto& entry : parameters.entries) {
    if (entry.shape.size() != 2 || !entry.decays) continue;
    const Product product{rows_of(entry.name, batch), entry.shape[1], entry.shape[0], 1};
    const auto same = [&](const Product& other) {
      return other.rows == product.rows && other.in == product.in && other.out == product.out;
    };
    const auto found = std::find_if(list.begin(), list.end(), same);
    if (found == list.end()) {
      list.push_back(product);
    } else {
      ++found->times;
    }
  }
  return list;
}

}  // namespace fluxsbi::app::bench
