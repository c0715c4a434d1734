// What the commands that evaluate densities share: the model, how densities are computed, their output.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common.hpp"
#include "experiment/normalisation.hpp"
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
  experiment::OtherPrior prior;
};

/// Adds the model and all options of the struct except --x, the output and the seed.
void add_density(CLI::App& app, DensityArguments& arguments);

/// --prior and --min-effective; `what` has another prior: "the densities".
void add_prior(CLI::App& app, experiment::OtherPrior& prior, const std::string& what);

/// Of observations that too few draws decide, of which a warning spoke, where `strict`; `rows` is how many
/// there are, and `written` where the results are. Throws core::DiagnosticFailed.
void fail_where_weak(bool strict, int64_t weak, int64_t rows, const std::string& written);

/// The config's section `sampling` with the flags put over it.
sample::SamplingOptions density_options(const DensityArguments& arguments, sample::SamplingOptions options);

}  // namespace fluxsbi::app
