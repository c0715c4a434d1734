// Rows of one side of the data, theta or x, as files hold them for a trained model. What parameters and
// observations share.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::data {

/// FILE:KEY names the array of a file; a file of that whole name goes before.
std::pair<std::string, std::string> file_and_key(const std::string& path, const std::string& key);

/// The array `key` of a .npz or .h5 file, or the one array of a .npy file. `path` may name another key:
/// "FILE:KEY".
io::Array load_side(const std::string& path, const std::string& key);

/// The same with the columns `names`, where the file names its columns in another order (column_order.hpp).
io::Array load_side_by_name(const std::string& path, const std::string& key,
                            const std::vector<std::string>& names, int64_t channels);

/// Whether an array of the shape `found` holds rows of one of `layouts`, or is one.
bool fits_rows(const std::vector<int64_t>& found, const std::vector<std::vector<int64_t>>& layouts);

/// How many rows an array of the shape `found` holds, a row having one of `layouts`, the usual one first; 1
/// for an array that is one row. Throws UserError otherwise; `what` says what the model knows ("the model's
/// theta has 2 components").
int64_t count_rows(const std::vector<int64_t>& found, const std::vector<std::vector<int64_t>>& layouts,
                   const std::string& path, const std::string& key, const std::string& what);

/// Rows [rows, names.size()] of a CSV file.
struct TableRows {
  int64_t rows = 0;
  std::vector<double> values;
};

/// Columns that are some of `given` ones, whose places these are; given = 0: all.
struct SomePlaces {
  std::span<const int64_t> places = {};
  int64_t given = 0;
};

/// The columns `names` of a text file, else STEM_1, STEM_2, ... of which there must be as many. A file
/// without names must hold as many columns, or one row that stands in a single column. Throws UserError with
/// the columns that there are; `what` says what the names are ("the model's theta is"). Where the names are
/// some of more (`some`), STEM_1, ... and a file without names may hold all of those.
TableRows load_columns(const std::string& path, const std::vector<std::string>& names,
                       const std::string& stem, const std::string& what, const SomePlaces& some = {});

}  // namespace fluxsbi::data
