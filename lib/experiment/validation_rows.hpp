// The rows of a run's data that it was not trained on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"

namespace fluxsbi::experiment {

struct ValidationRows {
  data::Dataset dataset;
  std::vector<int64_t> rows;  ///< numbers of the dataset's rows, ascending
};

/// Opens the data of the run folder and finds its validation rows again; a task's simulations are made once
/// more.
/// Throws UserError where the folder has no config.yaml or no model, where the data are not there, and where
/// they are not those that the model was trained on.
ValidationRows validation_rows(const std::string& run);

}  // namespace fluxsbi::experiment
