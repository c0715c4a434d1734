// HDF5 files whose values the program writes itself. Inside lib/io alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/hdf5.hpp"

namespace fluxsbi::io::h5 {

/// Where in the file `path` the values of contiguous datasets lie, in the order of `arrays`; 0 for one
/// without values. With `anew` the library first gives the file these datasets, whose values are not written,
/// and names their axes; the file keeps its identity. It runs in a child process. `output`: for messages.
std::vector<uint64_t> place_arrays(const std::string& path, const std::string& output,
                                   const std::vector<ArrayInfo>& arrays, const AxisNames& axes, bool anew);

}  // namespace fluxsbi::io::h5
