// Which numbers of a dataset are valid, by its attributes valid_min, valid_max and valid_range. Inside lib/io
// alone.
//
// The CF conventions 1.11, section 2.5.1, and the NetCDF User Guide, "Attribute Conventions": numbers below
// valid_min, above valid_max or outside valid_range, which holds both ends, stand for no value; the ends are
// valid. Of packed numbers they are packed as well, unless they are of the type of scale_factor and
// add_offset and that is wider than the packed type.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/hdf5_library.hpp"

namespace fluxsbi::io::h5 {

/// How numbers lie in the file: value = number * factor + offset.
struct StoredNumbers {
  DType dtype;
  bool without_sign;  ///< _Unsigned: the file's integers, and those of the attributes, have a sign
  double factor, offset;
};

struct ValidRange {
  struct End {
    long double number;  ///< in stored numbers
    std::string text;    ///< "less than 0 (attribute valid_min)"
  };
  std::optional<End> low, high;

  bool has_ends() const { return low || high; }
  template <class T>
  bool excludes(T number) const {
    const auto value = static_cast<long double>(number);
    return (low && value < low->number) || (high && value > high->number);
  }
  std::vector<std::string> ends() const;
};

/// Attributes that cannot be the ends of a range are passed over, each with a warning. Throws nothing.
ValidRange read_valid_range(hid_t dataset, const StoredNumbers& stored, std::vector<std::string>& warnings);

}  // namespace fluxsbi::io::h5
