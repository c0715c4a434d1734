// Names of the axes of HDF5 datasets: dimension scales, as netCDF-4 and xarray read them. Inside lib/io
// alone.
//
// The specification "HDF5 Dimension Scales" (The HDF Group, RFC 2005) is four attributes, which are written
// here, so that the high-level library is not needed: CLASS and NAME of a scale, DIMENSION_LIST of a dataset
// (for each axis references to its scales) and REFERENCE_LIST of a scale (which axes of which datasets refer
// to it).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/hdf5_library.hpp"

namespace fluxsbi::io::h5 {

/// What netCDF-4 calls a dimension that has no values; a number of ten characters follows. Such a dataset
/// holds nothing.
inline constexpr std::string_view no_variable = "This is a netCDF dimension but not a netCDF variable";

/// Writes an attribute of text, of fixed length in UTF-8. False where the library refuses.
bool write_text_attribute(hid_t object, const char* name, const std::string& text);

/// An attribute that is one text; empty where there is none.
std::string read_text_attribute(hid_t object, const char* name);

/// True for a dataset that is a netCDF dimension without values.
bool is_bare_dimension(hid_t dataset);

/// The named dimensions of a group. Every function returns false where the library refuses.
class Scales {
 public:
  explicit Scales(hid_t group) : group_(group) {}

  /// Makes the dataset `name` of the group a scale: its values are the coordinates.
  bool add(const std::string& name);
  /// Adds a scale of `length` without values.
  bool add_bare(const std::string& name, int64_t length);
  bool has(const std::string& name) const { return scales_.contains(name); }
  /// Gives the axes of a dataset (path within the group) the names of scales, one for each axis.
  bool attach(const std::string& dataset, const std::vector<std::string>& axes);
  /// Writes the references back to the datasets; once, when all are attached.
  bool finish();

 private:
  struct Use {
    hobj_ref_t dataset;
    int axis;
  };
  hid_t group_;
  std::map<std::string, std::vector<Use>> scales_;
};

}  // namespace fluxsbi::io::h5
