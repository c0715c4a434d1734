// The reference work of `bench`: Flux1 with 4 double-stream and 8 single-stream blocks, 4 heads of 10,
// mlp_ratio 4, on two theta and two x.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/value.hpp"
#include "data/shape.hpp"
#include "engine/engine.hpp"
#include "method/method.hpp"
#include "model/network.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::app::bench {

inline constexpr int64_t token_count = 2;  ///< of theta and of x

/// YAML of the configuration.
std::string workload_config();
data::DataShape workload_shape();

/// A network with all parameters away from their start values, where zero modulations would hide most of it.
std::shared_ptr<model::Network> make_network(uint64_t seed);
std::unique_ptr<method::Method> make_method();
/// Random standardised rows, [n, 2, 1] each.
train::TrainingData make_data(int64_t n, at::Device device);
/// One batch of inputs at random times.
model::Inputs make_inputs(int64_t batch, at::Device device);

/// A matrix product [rows, in] x [in, out] of a forward pass, and how often it occurs.
struct Product {
  int64_t rows, in, out, times;
};
/// The products of one forward pass over a batch: every Linear layer.
std::vector<Product> products(const engine::FlatParameters& parameters, int64_t batch);

}  // namespace fluxsbi::app::bench
