// HDF5 files: datasets of numbers and booleans of any rank, named by their path ("group/name").
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// All datasets, or those of `keys`. Soft and external links are not followed; filters are those that the
/// library has built in (gzip, shuffle, ...). Booleans are h5py's: an enumeration of FALSE and TRUE. The
/// library runs in a child process, so that a damaged file cannot crash the program. Throws UserError for a
/// missing key (it names those there are), a dataset of another type (text, records), data kept in other
/// files, and whatever is damaged. Numbers that a dataset's attributes call missing come as NaN and packed
/// ones unpacked, integers then as float64 (io/hdf5_decoding.hpp); that is logged.
Arrays load_hdf5(const std::string& path, const std::optional<std::vector<std::string>>& keys = {});
/// The same for a file's bytes; `name` stands for the path in messages.
Arrays parse_hdf5(std::span<const std::byte> bytes, const std::string& name);

/// Datasets of other types have a problem. Dimensions without values (netCDF-4) are left out.
std::vector<ArrayInfo> list_hdf5(const std::string& path);

/// Names of the axes of arrays, by the array's name. Axes of one name have one length.
using AxisNames = std::map<std::string, std::vector<std::string>>;

/// Writes atomically; contiguous little-endian datasets, groups as the names say. bfloat16 is written as
/// float32. `axes` become dimension scales without values, so that xarray shows named dimensions; no name may
/// be that of an array. Names of arrays that are not there are left out.
void save_hdf5(const std::string& path, const Arrays& arrays, const AxisNames& axes = {});

}  // namespace fluxsbi::io
