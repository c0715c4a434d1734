// Attributes of HDF5 objects that are numbers. Inside lib/io alone.
#pragma once

#include <string>
#include <vector>

#include "io/array.hpp"
#include "io/hdf5_library.hpp"

namespace fluxsbi::io::h5 {

struct Numbers {
  std::vector<long double> values;  ///< empty where the attribute is absent, or has a problem
  std::string problem;              ///< why there are none, though the attribute is there: "is text"
  bool whole = false;               ///< the attribute's type is an integer's
  size_t size = 0;                  ///< the bytes of one of its numbers in the file
};

/// At most 64 numbers.
Numbers number_attribute(hid_t object, const char* name);

/// The shortest text of a number that is a `dtype`.
std::string number_in(long double value, DType dtype);

}  // namespace fluxsbi::io::h5
