// The config of each entry of a benchmark.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "benchmark/entry.hpp"
#include "benchmark/steps.hpp"

namespace fluxsbi::app {

/// Where the configs of a benchmark's entries come from.
struct BenchmarkConfigs {
  std::string file;  ///< a config for all; empty: what `recommend` writes for each task and budget
  std::vector<std::string> settings;  ///< --set, of all
  bool models_given = false;          ///< the command line names models: the config's own gives way
  bool methods_given = false;         ///< the same of methods
};

/// Makes and checks the config of every entry, and puts the config's model and method into entries that leave
/// them open. Throws core::UserErrors for all that is wrong with a config.
std::vector<std::pair<benchmark::Entry, benchmark::EntryConfig>> benchmark_configs(
    const std::vector<benchmark::Entry>& entries, const BenchmarkConfigs& wanted);

/// The names of all models.
std::vector<std::string> model_names();

}  // namespace fluxsbi::app
