// The order of an array's axes: rows come first, but files of Julia, MATLAB and R hold them last.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/shape.hpp"
#include "io/array.hpp"

namespace fluxsbi::data {

/// The array with its axes in the opposite order: what was written column by column.
io::Array with_axes_reversed(const io::Array& array);

/// The array `key` of a file as a model of this shape reads it. Where the model was trained on arrays whose
/// axes stood in the opposite order (data.transposed), so do those of its files, and the array is turned
/// round, which is logged. It stays as it is where only so it `fits` the model, and in files that fluxsbi
/// wrote.
io::Array with_rows_first(io::Array array, const DataShape& shape, const std::string& path,
                          const std::string& key,
                          const std::function<bool(const std::vector<int64_t>& shape)>& fits);

/// Whether a file of pairs is to be read with data.transposed for a model of this shape, by the same rules.
bool has_rows_last(const std::string& path, const DataShape& shape);

}  // namespace fluxsbi::data
