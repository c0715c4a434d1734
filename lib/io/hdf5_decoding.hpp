// What the attributes of a dataset say of its numbers: which of them stand for missing values, and how they
// are packed. Inside lib/io alone.
//
// The NetCDF User Guide, "Attribute Conventions", and the CF conventions 1.11, sections 2.5.1 and 8.1:
// _FillValue and missing_value are numbers of the stored type that stand for no value; scale_factor and
// add_offset give value = number * scale_factor + add_offset; _Unsigned = "true" says that signed integers
// hold the bits of unsigned ones; valid_min, valid_max and valid_range are the ends of the valid numbers,
// beyond which a number stands for no value (hdf5_valid_range.hpp). Where a dataset was made by netCDF
// without a fill value of its own, cells that nobody wrote hold the default of its type (netcdf.h,
// NC_FILL_*), which readers of netCDF take for missing; those of single bytes they do not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/hdf5_library.hpp"
#include "io/hdf5_valid_range.hpp"

namespace fluxsbi::io::h5 {

struct FillValue {
  long double value;   ///< exact for integers of 64 bits
  std::string source;  ///< "attribute _FillValue"
};

struct Decoding {
  DType memory;   ///< what the library reads
  DType stored;   ///< what its bytes stand for: another type for _Unsigned
  DType decoded;  ///< what comes out
  double factor = 1, offset = 0;
  std::vector<FillValue> fills;       ///< values of `stored`, none NaN
  ValidRange valid;                   ///< in numbers of `stored`
  std::vector<std::string> remarks;   ///< what is done to the numbers, without the missing ones
  std::vector<std::string> warnings;  ///< what is passed over
  std::string problem;                ///< why the numbers cannot be read

  /// Whether some numbers stand for no value.
  bool has_gaps() const { return !fills.empty() || valid.has_ends(); }
  bool changes_values() const { return stored != memory || decoded != memory || has_gaps(); }
  /// Decodes stored numbers into out, NaN for missing ones, of which it returns how many there are.
  uint64_t decode(std::span<const std::byte> numbers, std::span<std::byte> out) const;
  /// "12 cells that hold -9999 (attribute _FillValue) count as missing (NaN)",
  /// "3 cells that hold less than 0 (attribute valid_min) count as missing (NaN)"
  std::string missing_text(uint64_t cells) const;
};

/// Of a dataset whose numbers have the type `dtype` in the file. Throws nothing.
Decoding read_decoding(hid_t dataset, DType dtype);

}  // namespace fluxsbi::io::h5
