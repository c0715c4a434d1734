// What the commands that evaluate densities share: the model, how densities are computed, their output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common.hpp"
#include "sample/options.hpp"

namespace fluxsbi::app {

struct DensityArguments {
  std::string model, x, compute = "float32";
  experiment::Execution execution;
  std::optional<double> atol, rtol, memory_gb;
  std::optional<int64_t> chunk;
  OutputArgument output;
  bool strict = false;
  uint64_t seed = 0;
};

/// Adds the model and all options of the struct except --x, the output and the seed.
void add_density(CLI::App& app, DensityArguments& arguments);

/// The config's section `sampling` with the flags put over it.
sample::SamplingOptions density_options(const DensityArguments& arguments, sample::SamplingOptions options);

}  // namespace fluxsbi::app
