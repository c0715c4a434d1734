// The symmetries under which a model was trained (data.symmetries).
#pragma once

#include <vector>

#include "checkpoint/model_file.hpp"
#include "data/symmetry/symmetry.hpp"

namespace fluxsbi::checkpoint {

/// Those that the model's remarks name; empty: none. Throws UserError for a remark that is damaged.
std::vector<data::Symmetry> symmetries_of(const ModelFile& model);

}  // namespace fluxsbi::checkpoint
