// Weights beside draws, which no reader of draws knows how to use.
#pragma once

#include <span>
#include <string>

namespace fluxsbi::data {

/// Throws UserError where the weights of the draws of a file differ: who reads it takes them as equally
/// likely. NaN, of draws that are not filled, does not count.
void refuse_different_weights(std::span<const double> weights, const std::string& path);

}  // namespace fluxsbi::data
