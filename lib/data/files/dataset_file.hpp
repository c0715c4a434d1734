// theta and x as files hold them, before they are joined into a dataset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/source/row_array.hpp"
#include "io/array.hpp"

namespace fluxsbi::data {

/// How much of a file is read when it is opened: its values; no values, which are read row by row as they are
/// wanted (.npy and .h5; the others are loaded); or what says its shape alone, without values to follow.
enum class Loading { whole, by_row, shape };

/// One side of the pairs: rows of tokens with channels.
struct Side {
  int64_t rows = 0, tokens = 0, channels = 1;
  std::vector<int64_t> grid;        ///< [height, width] of a rank 4 array, else empty
  RowArrayPtr values = {};          ///< [rows, tokens * channels]; null where the shape alone was read
  std::vector<int64_t> shape = {};  ///< as the array has it; empty for no array
};

/// theta and x of one file, or of a pair of .npy files. A file may hold theta and nothing else: x then has no
/// tokens.
struct SidePair {
  Side theta, x;
  std::vector<std::string> theta_names, x_names;  ///< of the columns, where the file names them
};

/// How files hold the two sides.
struct FileKeys {
  std::string theta = "theta", x = "x";  ///< keys of .npz, paths of datasets in HDF5 ("group/name")
  std::optional<bool> transposed = {};   ///< axes stand in the opposite order; absent: refused if it looks so
  std::vector<std::string> ignore = {};  ///< columns of text that are left out
};

/// .npz, .h5 (`keys`; columns that `meta` names are found by these names, column_order.hpp), text (columns
/// of the given names; without names theta_0, ... and x_0, ...; text_pair.hpp), or OUT.npy for the pair
/// OUT_theta.npy and OUT_x.npy. A file without x must hold theta alone: next to anything else a missing x is
/// more likely a wrong name. Arrays are [n], [n, d], [n, d, c] or [n, h, w, c]; h * w are the tokens, row by
/// row. Throws UserError for another rank, for an array without rows or values, for missing keys and columns,
/// naming those there are, for arrays that cannot be read, for sides of different length, and for rows that
/// seem to lie along the last axis.
SidePair open_pair(const std::string& path, const std::vector<std::string>& theta_names,
                   const std::vector<std::string>& x_names, Loading loading, const FileKeys& keys = {});
SidePair open_npy_pair(const std::string& theta_file, const std::string& x_file, Loading loading,
                       const FileKeys& keys = {});

/// A side of an array, whose values it takes. `where` names it in messages.
Side whole_side(io::Array array, const std::string& where);
/// The x of a file that holds theta alone.
Side no_x(const Side& theta);

/// What to say where the second axis of x seems to hold channels, which belong into the last; else empty.
std::string channels_first_problem(const Side& x);

/// Bytes of a pair's arrays if they can be read row by row, else 0.
uint64_t bytes_by_row(const std::string& path, const FileKeys& keys = {});
uint64_t bytes_by_row(const std::string& theta_file, const std::string& x_file);

/// The columns `columns` of a CSV table [rows, header.size()] as [rows, columns.size()]; T is float or
/// double.
template <class T>
std::vector<T> pick_columns(const io::Array& table, const std::vector<int64_t>& columns);

/// Position of each name in a header, -1 where there is none.
std::vector<int64_t> find_columns(const std::vector<std::string>& header,
                                  const std::vector<std::string>& names);

}  // namespace fluxsbi::data
