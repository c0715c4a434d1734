// Parameters from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::data {

/// Parameters to evaluate a density at: [rows, theta_dim, theta_channels] from npz or HDF5 (key theta), npy or
/// CSV whose header holds the model's theta names or parameter_1, parameter_2, ...; one row may come without
/// the leading axis. Throws UserError for another rank or another number of tokens or channels than `shape`.
struct Parameters {
  int64_t rows = 0;
  std::vector<double> theta;
};
Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names);

}  // namespace fluxsbi::data
