// Arrays of files that name their columns, in the order of whoever reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::data {

/// The array `meta` that names the columns of theta and x, for names_in_meta. Empty names are left out.
io::Array meta_of_names(const std::vector<std::string>& theta_names, const std::vector<std::string>& x_names);

/// The names in the JSON of an array `meta`, as `sample`, `map` and `export` write it, under the first of
/// `keys` that it has; none where it is the `meta` of another program.
std::vector<std::string> names_in_meta(const io::Array& meta, const std::string& path,
                                       const std::vector<std::string>& keys);

/// The names that a file of fluxsbi gives the columns of its array `key` (theta, samples, map, x or given);
/// none where it gives none.
std::vector<std::string> names_of_columns(const std::string& path, const std::string& key);

/// Which columns of the array `key` of a file (theta, samples, map, x or given) are `names`: their places in
/// its order. Empty: the columns are taken as they stand, because the file names none, because these are the
/// names, or because one of both sides only numbers them (STEM_0, STEM_1, ...) and they share no name. Throws
/// UserError where the file has other names.
struct ColumnOrder {
  std::vector<int64_t> places;
  int64_t columns = 0;  ///< of the file
};
ColumnOrder find_column_order(const std::string& path, const std::string& key,
                              const std::vector<std::string>& names);

/// The array [..., columns] or [..., columns, channels] with the columns that `order` says; as it is where no
/// axis has that many.
io::Array in_order(io::Array array, const ColumnOrder& order, int64_t channels);

}  // namespace fluxsbi::data
