// Which model suits some data, and a config that trains it: the model cards' advice as text.
#pragma once

#include <string>

#include "data/data_options.hpp"

namespace fluxsbi::experiment {

/// YAML of a config for the data that `source` names by `file` or `task`, with all keys of `source` that are
/// not as usual (names, data.nan, ...). Its comments say which rule of the cards
/// chose the model, and what the cards say of the model's numbers. `model`: another model than the cards';
/// empty: theirs. Simulates nothing; a file is read for its shape. Throws UserError for a source that cannot
/// be read and for an unknown model.
std::string recommended_config(const data::DataOptions& source, const std::string& model = "");

/// All rules of the cards, for reading.
std::string recommendation_rules();

}  // namespace fluxsbi::experiment
