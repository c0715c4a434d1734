// Rows of theta to simulate at, from any file that holds some.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fluxsbi::data {

struct ThetaRows {
  int64_t rows = 0;
  std::vector<double> theta;         ///< [rows, dim]
  std::string source;                ///< for the log: "s.npz: samples [3, 100, 2]"
  std::vector<std::string> remarks;  ///< what the user should know, a sentence each
};

/// Reads theta from
///   .npz, .h5   `samples` [rows, draws, d] (a file of `fluxsbi sample`, whose draws follow one another;
///               those that could not be filled are left out, with a remark), else `theta` [n, d], else `map`
///               [n, d]
///   .npy        [n, d] or [rows, draws, d]
///   .csv        the columns `names`, else theta_0, theta_1, ... or parameter_1, parameter_2, ...
/// dim: theta's components; 0: as many as the file has. names: theta's, or empty where it has none. A sample
/// file that names its parameters is read by these names. Throws UserError: no such array or column, another
/// number of components, other names than `names` (with both), values that are not finite, no rows.
ThetaRows load_theta_rows(const std::string& path, int64_t dim, const std::vector<std::string>& names);

}  // namespace fluxsbi::data
