// Small models of all kinds for the pretend device: config, network, and model files with random weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "experiment/experiment.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::test {

inline const std::vector<std::string> all_models{"flux1", "flux1joint", "simformer"};
inline const std::vector<std::string> all_methods{"flow", "diffusion", "score_matching"};

/// What a config may hold beside model and method, as YAML.
struct ConfigParts {
  std::string strategy;  ///< further entries, ", condition_drop_rate: 0.2"
  std::string sections;  ///< further sections
  std::string data = "task: two_moons, simulations: 400";
};

/// The sections strategy and model.
std::string estimator_config(const std::string& model, const std::string& method,
                             const ConfigParts& parts = {});

/// A training of 12 steps. `training`: further entries, ", multistep: 2".
experiment::Experiment tiny_experiment(const std::string& model, const std::string& method,
                                       const std::string& training = "", const ConfigParts& parts = {});

/// theta of two components around 5 in [3, 8], and x of `x_dim` tokens around -1, with random weights.
checkpoint::ModelFile random_model(const std::string& config, int64_t x_dim = 3, uint64_t seed = 1);

/// An ensemble of two of these.
checkpoint::ModelFile random_ensemble(const std::string& config);

/// The model by its modules in float32 on the device, "cpu" or "cuda".
sample::Posterior posterior_on(const std::string& device, const checkpoint::ModelFile& file);
/// Observations [rows, 3] near -1.
std::vector<double> observations(int64_t rows, int64_t x_dim = 3);

/// Largest |a - b| of numbers that are NaN or infinite at the same places; infinite where they are not.
double largest_difference(std::span<const double> a, std::span<const double> b);

}  // namespace fluxsbi::test
