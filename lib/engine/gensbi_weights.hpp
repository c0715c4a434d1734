// Weights that GenSBI exported, as weights of our networks.
#pragma once

#include <string>

#include "io/array.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine {

/// The arrays of an export (float16, bfloat16, float32 or float64, kernels [in, out], GenSBI's names) as
/// float32 arrays by our parameter names. Fixed tables that GenSBI stores beside its parameters must be those
/// that our network computes. Throws UserErrors naming `source` (the file) and every array that is missing,
/// left over, of another shape (found and expected), of another type, or not finite.
io::Arrays weights_from_gensbi(const model::Network& network, const io::Arrays& theirs,
                               const std::string& source);

}  // namespace fluxsbi::engine
