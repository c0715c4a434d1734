// Which model it is.
#pragma once

#include <string>

#include "checkpoint/model_file.hpp"

namespace fluxsbi::checkpoint {

/// Eight hexadecimal digits that change with whatever samples depend on: config, weights, standardisers.
/// Sample files hold them as `model`.
std::string identity(const ModelFile& model);

}  // namespace fluxsbi::checkpoint
