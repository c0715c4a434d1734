// A whole configuration: the sections of all rooms, joined.
#pragma once

#include <string>
#include <vector>

#include "config/value.hpp"
#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/simulate/command_simulator.hpp"
#include "experiment/estimator.hpp"
#include "train/options.hpp"

namespace fluxsbi::experiment {

struct Experiment : Estimator {
  data::DataOptions data;
  data::SimulatorOptions simulator;
  train::OptimizerOptions optimizer;
  train::TrainingOptions training;
  train::OutputOptions output;
  std::vector<std::string> warnings;
  std::string x_choice;  ///< data.use_x: auto: what `auto` chose and why; otherwise empty
  std::string choice;    ///< strategy.model: auto: what `auto` chose and by which rule; otherwise empty
};

/// True for a config of several members, and false for that of one of them.
bool is_ensemble(const Experiment& experiment);

/// Reads and checks every section. `data.use_x: auto` screens the data, and `strategy.model: auto` takes the
/// data's shape (a file is read for it); the experiment then holds the names and the model that were chosen.
/// Throws core::UserErrors with all problems of the document.
Experiment read_experiment(const config::Value& document);

/// training.seed of a document, or its default where none can be read.
uint64_t seed_of(const config::Value& document);

/// YAML text with every value, from which read_experiment gives the same experiment.
std::string resolved_yaml(const Experiment& experiment);

/// Markdown of every option of every section (docs/config.md).
std::string option_reference();

}  // namespace fluxsbi::experiment
