// The observation that a model was refined for: its answers hold for that one alone (docs/refine.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"

namespace fluxsbi::checkpoint {

/// Notes x [x_size], in the data's units, in the model's remarks; NaN is an absent element of a set.
void remember_observation(std::span<const double> x, ModelFile& model);

/// [x_size], or empty for a model that answers for any observation. Throws UserError for a remark that is
/// damaged.
std::vector<double> refined_for(const ModelFile& model);

/// Whether `row` of x is the observation `refined` [x_size], to the rounding of float32 files; an empty one
/// is any.
bool is_refined_for(std::span<const double> refined, std::span<const double> row);

/// What the answer for another observation is, for the end of a sentence.
std::string loss_of_others();

}  // namespace fluxsbi::checkpoint
