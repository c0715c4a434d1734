// What is said of the numbers of an HDF5 dataset once they are read: the child process knows it, and the
// program logs it. Inside lib/io alone.
#pragma once

#include <cstdint>
#include <string>

#include "io/hdf5_file.hpp"
#include "io/isolated.hpp"

namespace fluxsbi::io {

namespace h5 {

/// In the child: `missing` is the number of cells that count as missing.
void send_remarks(const Dataset& dataset, uint64_t missing, Isolated::Outlet& out);

}  // namespace h5

/// In the program: logs each line once, with the file and the dataset.
void log_remarks(Isolated& child, const std::string& path, const std::string& dataset);

}  // namespace fluxsbi::io
