// theta and x as files hold them, before they are joined into a dataset.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::data {

/// One side of the pairs: rows of tokens with channels.
struct Side {
  int64_t rows = 0, tokens = 0, channels = 1;
  std::vector<int64_t> grid;  ///< [height, width] of a rank 4 array, else empty
  std::vector<float> values;  ///< [rows, tokens, channels]
};

/// An array [n], [n, d], [n, d, c] or [n, h, w, c] as a side; h * w are its tokens, row by row. `where` names
/// it in messages ("sims.npz: theta"). The function takes the array over, so that only one copy remains.
/// Throws UserError for another rank and for an array without rows or values.
Side take_side(io::Array array, const std::string& where);

/// theta and x of one file, or of a pair of .npy files. A file may hold theta and nothing else: x then has no
/// tokens.
struct SidePair {
  Side theta, x;
  std::vector<std::string> theta_names, x_names;  ///< a CSV file's columns, else empty
};

/// .npz, .h5 (keys theta and x), .csv (columns of the given names; without names theta_0, ... and x_0, ...),
/// or OUT.npy for the pair OUT_theta.npy and OUT_x.npy. A file without x must hold theta alone: next to
/// anything else a missing x is more likely a wrong name. Throws UserError for missing keys and columns,
/// naming those there are.
SidePair load_pair(const std::string& path, const std::vector<std::string>& theta_names,
                   const std::vector<std::string>& x_names);
SidePair load_npy_pair(const std::string& theta_file, const std::string& x_file);

/// The columns `columns` of a CSV table [rows, header.size()] as [rows, columns.size()].
std::vector<float> pick_columns(const io::Array& table, const std::vector<int64_t>& columns);

/// Position of each name in a header, -1 where there is none.
std::vector<int64_t> find_columns(const std::vector<std::string>& header,
                                  const std::vector<std::string>& names);

}  // namespace fluxsbi::data
