// netCDF-4 files: HDF5 whose datasets have named dimensions, in groups. xarray, ArviZ and the netCDF library
// open them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::io {

/// A dimension and its coordinates: `labels`, or the numbers `first`, first + 1, ... where there are none.
struct NetcdfDimension {
  std::string name;
  int64_t length = 0;
  std::vector<std::string> labels = {};
  int64_t first = 0;
};

struct NetcdfVariable {
  std::string name;
  Array values;                         ///< no booleans, which netCDF does not know
  std::vector<std::string> dimensions;  ///< of its group, one for each axis
};

struct NetcdfGroup {
  std::string name;
  std::vector<NetcdfDimension> dimensions;
  std::vector<NetcdfVariable> variables;
};

struct NetcdfFile {
  std::vector<std::pair<std::string, std::string>> attributes;  ///< of the root
  std::vector<NetcdfGroup> groups;
};

/// Writes atomically. Throws UserError for a file that cannot be written. Names are the caller's: none may
/// hold a slash, be that of another variable or dimension of its group, or be empty.
void save_netcdf(const std::string& path, const NetcdfFile& file);

}  // namespace fluxsbi::io
