// The files that make up one set of data.
#pragma once

#include <string>
#include <vector>

namespace fluxsbi::data {

/// The files that `names` means, in their order: a file itself; for a pattern (* ? [ ]) the files that match;
/// for a folder the .npz, .h5, .hdf5, .csv and .npy files in it. Those of one pattern or folder come in the
/// order of their names, part_2 before part_10. A pair OUT_theta.npy and OUT_x.npy comes once, as OUT.npy.
/// Throws UserError for a pattern or a folder without any such file.
std::vector<std::string> part_files(const std::vector<std::string>& names);

}  // namespace fluxsbi::data
