// How much memory evaluations of a network take, estimated from its parameters' shapes.
#pragma once

#include <cstdint>

#include "data/shape.hpp"
#include "engine/flat_parameters.hpp"

namespace fluxsbi::sample {

/// Bytes that one sample takes while the network is evaluated, the solver's stages of its state of
/// `state_size` numbers included. shape: of what the transformer sees.
double bytes_per_sample(const engine::FlatParameters& parameters, const data::DataShape& shape,
                        int64_t state_size);

/// Bytes that one evaluation with gradient takes.
double bytes_per_pull_back(const engine::FlatParameters& parameters, const data::DataShape& shape);

}  // namespace fluxsbi::sample
