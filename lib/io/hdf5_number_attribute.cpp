#include "io/hdf5_number_attribute.hpp"

#include <charconv>

namespace fluxsbi::io::h5 {

namespace {

constexpr hssize_t most_values = 64;  // of missing_value, which may be a list

Numbers none(const std::string& problem) {
  Numbers numbers;
  numbers.problem = problem;
  return numbers;
}

}  // namespace

Numbers number_attribute(hid_t object, const char* name) {
  if (H5Aexists(object, name) <= 0) return {};
  const Handle attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose);
  const Handle space(H5Aget_space(attribute), H5Sclose), type(H5Aget_type(attribute), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type);
  if (kind == H5T_STRING) return none("is text");
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) return none("is no number");
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count < 1) return none("is empty");
  if (count > most_values) return none("holds " + std::to_string(count) + " numbers");
  Numbers numbers{std::vector<long double>(static_cast<size_t>(count)), "", kind == H5T_INTEGER,
                  H5Tget_size(type)};
  if (H5Aread(attribute, H5T_NATIVE_LDOUBLE, numbers.values.data()) < 0) return none("cannot be read");
  return numbers;
}

std::string number_in(long double value, DType dtype) {
  char text[64];
  const auto end = dtype == DType::f16 || dtype == DType::f32
                       ? std::to_chars(text, text + sizeof text, static_cast<float>(value))
                   : dtype == DType::f64 ? std::to_chars(text, text + sizeof text, static_cast<double>(value))
                                         : std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

}  // namespace fluxsbi::io::h5
