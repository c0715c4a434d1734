// The reference work of `bench`: a network of each model, of comparable size, on two theta and two x.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/shape.hpp"
#include "engine/engine.hpp"
#include "method/method.hpp"
#include "model/network.hpp"
#include "sample/posterior.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::app::bench {

/// Of every training that is measured.
inline constexpr double learning_rate = 1e-4;

struct Workload {
  std::string_view model;   ///< name in the registry
  bool joint = false;       ///< obs holds theta and x
  std::string description;  ///< for a reader
  std::string section;      ///< YAML of the section `model`, in braces
  int64_t tokens = 2;       ///< of theta and of x
};

/// One for each model, in the registry's order.
std::span<const Workload> workloads();

/// YAML of the configuration.
std::string config_of(const Workload& workload, const std::string& method);
data::DataShape shape_of(const Workload& workload);

/// A network with all parameters away from their start values, where zero modulations would hide most of it.
std::shared_ptr<model::Network> make_network(const Workload& workload, uint64_t seed);
/// That network as a posterior in float32, as if trained by `method`; data are standardised already.
sample::Posterior posterior_of(const Workload& workload, const std::string& method, at::Device device);
std::unique_ptr<method::Method> make_method(const Workload& workload);
/// `n` random standardised rows: [n, tokens, 1] of theta and of x, or [n, 2 tokens, 1] and the default
/// condition masks for joint models.
train::TrainingData make_data(const Workload& workload, int64_t n, at::Device device);
/// One batch of inputs at random times, under condition masks for joint models.
model::Inputs make_inputs(const Workload& workload, int64_t batch, at::Device device);

/// A matrix product [rows, in] x [in, out] of a forward pass, and how often it occurs.
struct Product {
  int64_t rows, in, out, times;
};
/// The products of Linear layers in one forward pass, as the network asks for them.
std::vector<Product> products(model::Network& network, const model::Inputs& inputs);

}  // namespace fluxsbi::app::bench
