// Between tensors and the plain arrays of files.
#pragma once

#include <string>

#include "engine/flat_parameters.hpp"
#include "io/array.hpp"

namespace fluxsbi::engine {

/// A float32 copy of a tensor of any device and floating-point type.
io::Array to_array(const at::Tensor& tensor);
/// A float32 CPU tensor that owns its memory.
at::Tensor to_tensor(const io::Array& array);

/// The entries of `flat` [P] (parameters.master, an EMA laid out like it) by parameter name, float32.
io::Arrays weights_by_name(const FlatParameters& parameters, const at::Tensor& flat);

/// Fills master and working from arrays by name. Throws UserError naming `source` (the file) and the first
/// array that is missing, left over or of another shape.
void load_weights(FlatParameters& parameters, const io::Arrays& weights, const std::string& source);

}  // namespace fluxsbi::engine
