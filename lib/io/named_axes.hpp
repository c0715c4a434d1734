// Arrays whose axes have names.
#pragma once

#include <string>

#include "io/hdf5.hpp"

namespace fluxsbi::io {

/// save_arrays, with the axes' names in files of HDF5, the one format that holds them.
void save_arrays_with_axes(const std::string& path, const Arrays& arrays, const AxisNames& axes);

}  // namespace fluxsbi::io
