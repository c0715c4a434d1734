// The optimiser's kernels against their reference.
#pragma once

#include <string>
#include <vector>

#include "engine/cuda/kernels/kernels.hpp"

namespace fluxsbi::test {

/// What was wrong; has_working: with a bfloat16 copy of the weights.
std::vector<std::string> update_with(engine::cuda::kernels::Clip clip, bool has_working);
std::vector<std::string> undefined_gradient();

}  // namespace fluxsbi::test
