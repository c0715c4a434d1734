// How simulations stand in files: theta and x, and which rows failed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Pairs. A row that the simulator could not make has failed = 1 and NaN as x.
struct Simulations {
  int64_t rows = 0;
  int64_t theta_dim = 0;
  int64_t x_dim = 0;
  std::vector<double> theta;          ///< [rows, theta_dim]
  std::vector<double> x;              ///< [rows, x_dim]
  std::vector<uint8_t> failed;        ///< [rows]
  std::vector<int64_t> x_shape = {};  ///< of a row of x in a file, [length, channels] say; empty: [x_dim]
};

/// The files that an output's name means: itself, or for OUT.npy, which can hold one array only, the pair
/// OUT_theta.npy and OUT_x.npy. Throws UserError for an extension that cannot be written.
std::vector<std::string> simulation_files(const std::string& output);

/// Writes atomically, and says in a line what had to be float64: theta with values that are no numbers of
/// float32, x where float32 is too coarse for a column (precision.hpp); all else is rounded to float32. .npz
/// and .h5 hold theta [n, d], x [n, dx], if with_failed, failed [n], and the names that are given in `meta`
/// (column_order.hpp); .csv has a column for each name and `failed` (0, 1); .npy holds no names. Empty names
/// are theta_0, ..., x_0, ... in .csv and in messages.
void save_simulations(const std::string& output, const Simulations& simulations, bool with_failed,
                      const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names);

}  // namespace fluxsbi::data
