// Parameters from a file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::data {

/// Parameters to evaluate a density at: [rows, theta_dim, theta_channels] from npz or HDF5 (key theta, else
/// `map`, which `fluxsbi map` writes), npy or text whose header holds the model's theta names or parameter_1,
/// parameter_2, ...; one row may come without the leading axis. A file of `samples` (or a npy file) holds
/// [rows, draws, theta_dim, theta_channels]; draws that are not filled are NaN. Throws UserError for another
/// rank or another number of tokens or channels than `shape`.
struct Parameters {
  int64_t rows = 0;  ///< of theta: with draws, all draws of all observations
  std::vector<double> theta;
  int64_t draws = 0;  ///< for each observation; 0: points, not samples
};
Parameters load_parameters(const std::string& path, const DataShape& shape,
                           const std::vector<std::string>& theta_names);

}  // namespace fluxsbi::data
