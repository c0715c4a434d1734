// Parameters from a file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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

/// The same parameters, of which those of large arrays stay in their file and are read as they are wanted:
/// .npy and .npz that are not packed, in pieces; HDF5 by rows of the first axis. Others are loaded.
class ParameterRows {
 public:
  static constexpr uint64_t small_bytes = uint64_t{1} << 26;

  /// Throws as load_parameters. `most_bytes`: an array of no more is loaded.
  ParameterRows(const std::string& path, const DataShape& shape, const std::vector<std::string>& theta_names,
                uint64_t most_bytes = small_bytes);
  ~ParameterRows();

  int64_t rows() const { return rows_; }
  int64_t draws() const { return draws_; }
  /// Rows first, ..., first + count - 1 to `out` [count, theta_size]. Throws UserError for a file that has
  /// become shorter.
  void read(int64_t first, int64_t count, std::span<double> out) const;

 private:
  struct Values;
  struct Loaded;
  struct InPlace;
  struct InHdf5;
  void open_in_file(const std::string& path, const DataShape& shape, uint64_t most_bytes);

  int64_t rows_ = 0, draws_ = 0;
  std::unique_ptr<const Values> values_;
};

}  // namespace fluxsbi::data
