// The cells of a file of questions, before they are checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/shape.hpp"

namespace fluxsbi::data {

struct GivenCells {
  int64_t rows = 0;
  std::vector<std::string> columns;  ///< their names
  std::vector<double> values;        ///< [rows, columns], NaN: blank
};

/// Text whose header names columns; or an array file that holds `given` [rows, L, C] (as `fluxsbi sample
/// --given` writes it) or theta and x, of which one may be missing; a .npy file holds the array of `given`.
/// `features` are the names of all L C columns, theta's first. Throws UserError for arrays of another shape,
/// and for files without any.
GivenCells load_given_cells(const std::string& path, const DataShape& shape,
                            const std::vector<std::string>& features);

}  // namespace fluxsbi::data
