#include "io/hdf5_decoding.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "core/text.hpp"
#include "io/hdf5_number_attribute.hpp"
#include "io/hdf5_scales.hpp"
#include "io/integer_types.hpp"

namespace fluxsbi::io::h5 {

namespace {

std::optional<DType> unsigned_of(DType dtype) {
  switch (dtype) {
    case DType::i8:
      return DType::u8;
    case DType::i16:
      return DType::u16;
    case DType::i32:
      return DType::u32;
    case DType::i64:
      return DType::u64;
    default:
      return {};
  }
}

// Whether a cell of the type can hold the value. A number of another type of floating point is meant as
// this type rounds it.
bool can_hold(DType dtype, long double value) {
  if (is_float(dtype)) return true;
  return with_integer(dtype, [&](auto sample) {
    using Limits = std::numeric_limits<decltype(sample)>;
    return value >= static_cast<long double>(Limits::lowest()) &&
           value <= static_cast<long double>(Limits::max()) && value == std::floor(value);
  });
}

void add_fill(Decoding& decoding, long double value, const std::string& source) {
  if (decoding.stored == DType::f32 || decoding.stored == DType::f16) value = static_cast<float>(value);
  if (decoding.stored == DType::f64) value = static_cast<double>(value);
  const auto same = std::find_if(decoding.fills.begin(), decoding.fills.end(),
                                 [&](const FillValue& fill) { return fill.value == value; });
  if (same == decoding.fills.end()) decoding.fills.push_back({value, source});
}

void read_fills(hid_t dataset, const char* name, Decoding& decoding) {
  const Numbers found = number_attribute(dataset, name);
  const std::string attribute = std::string("its attribute ") + name;
  if (!found.problem.empty()) {
    decoding.warnings.push_back(attribute + " " + found.problem +
                                " and is passed over: cells that it stands for count as data; a number of "
                                "the dataset's type belongs there");
  }
  for (long double value : found.values) {
    if (std::isnan(value)) continue;
    if (decoding.stored != decoding.memory && value < 0)  // _Unsigned: the attribute is signed as well
      value += std::ldexp(1.0L, static_cast<int>(8 * size_of(decoding.stored)));
    if (can_hold(decoding.stored, value)) {
      add_fill(decoding, value, std::string("attribute ") + name);
    } else {
      decoding.warnings.push_back(attribute + " = " + number_in(value, DType::f64) + " is no value of " +
                                  name_of(decoding.stored) + " and is passed over");
    }
  }
}

// netcdf.h: NC_FILL_SHORT, NC_FILL_INT, ...
std::optional<long double> default_fill(DType dtype) {
  switch (dtype) {
    case DType::i16:
      return -32767;
    case DType::u16:
      return 65535;
    case DType::i32:
      return -2147483647;
    case DType::u32:
      return 4294967295;
    case DType::i64:
      return -9223372036854775806LL;
    case DType::u64:
      return 18446744073709551614ULL;
    case DType::f32:
      return 9.9692099683868690e+36f;
    case DType::f64:
      return 9.9692099683868690e+36;
    default:
      return {};
  }
}

void read_default_fill(hid_t dataset, Decoding& decoding) {
  const auto usual = default_fill(decoding.memory);
  if (!usual || decoding.stored != decoding.memory) return;
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  H5D_fill_value_t defined = H5D_FILL_VALUE_ERROR;
  long double value = 0;
  if (H5Pfill_value_defined(properties, &defined) < 0 || defined != H5D_FILL_VALUE_USER_DEFINED) return;
  if (H5Pget_fill_value(properties, H5T_NATIVE_LDOUBLE, &value) < 0 || value != *usual) return;
  add_fill(decoding, *usual, "netCDF's default, which the dataset was made with");
}

// One finite number, or `usual`.
double packing_number(hid_t dataset, const char* name, double usual, Decoding& decoding) {
  const Numbers found = number_attribute(dataset, name);
  std::string problem = found.problem;
  if (found.values.size() > 1) problem = "holds " + std::to_string(found.values.size()) + " numbers";
  if (found.values.size() == 1) {
    const auto value = static_cast<double>(found.values[0]);
    if (std::isfinite(value) && (value != 0 || usual == 0)) return value;
    problem = "is " + number_in(value, DType::f64);
  }
  if (!problem.empty() && decoding.problem.empty()) {
    decoding.problem = std::string("packed numbers whose attribute ") + name + " " + problem +
                       ", where one finite number" + (usual == 0 ? "" : " other than 0") +
                       " belongs: correct it, or save the numbers unpacked without it";
  }
  return usual;
}

double as_double(DType dtype, const std::byte* at) {
  double value = 0;
  to_double(dtype, {at, size_of(dtype)}, std::span(&value, 1));
  return value;
}

// The lambdas know the type of the numbers: whether one is missing, and what it is.
template <class T, class Write>
uint64_t decode_each(const Decoding& decoding, std::span<const std::byte> numbers, Write write) {
  std::vector<T> fills;
  for (const FillValue& fill : decoding.fills) fills.push_back(static_cast<T>(fill.value));
  uint64_t missing = 0;
  const size_t count = numbers.size() / sizeof(T);
  for (size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, numbers.data() + i * sizeof(T), sizeof(T));
    const bool absent =
        std::find(fills.begin(), fills.end(), value) != fills.end() || decoding.valid.excludes(value);
    missing += absent ? 1 : 0;
    write(i, value, absent);
  }
  return missing;
}

}  // namespace

uint64_t Decoding::decode(std::span<const std::byte> numbers, std::span<std::byte> out) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const bool packed = factor != 1 || offset != 0;
  const auto to_number = [&](size_t i, auto value, bool absent) {
    const auto number = static_cast<double>(value);
    const double result = absent ? nan : packed ? number * factor + offset : number;
    std::memcpy(out.data() + i * sizeof(double), &result, sizeof(double));
  };
  const auto keep = [&](size_t i, auto value, bool absent) {
    using T = decltype(value);
    if constexpr (std::is_floating_point_v<T>) {
      if (absent) value = std::numeric_limits<T>::quiet_NaN();
    }
    std::memcpy(out.data() + i * sizeof(T), &value, sizeof(T));
  };
  if (stored == DType::f16) {  // packed or with fill values it comes out as doubles
    uint64_t missing = 0;
    for (size_t i = 0; i < numbers.size() / 2; ++i) {
      const double value = as_double(stored, numbers.data() + 2 * i);
      const bool absent =
          valid.excludes(value) ||
          std::any_of(fills.begin(), fills.end(), [&](const FillValue& fill) { return fill.value == value; });
      missing += absent ? 1 : 0;
      to_number(i, value, absent);
    }
    return missing;
  }
  const bool widens = decoded == DType::f64 && stored != DType::f64;
  const auto run = [&](auto sample) {
    using T = decltype(sample);
    if (widens || packed) return decode_each<T>(*this, numbers, to_number);
    return decode_each<T>(*this, numbers, keep);
  };
  if (stored == DType::f32) return run(float{});
  if (stored == DType::f64) return run(double{});
  return with_integer(stored, run);
}

std::string Decoding::missing_text(uint64_t cells) const {
  std::vector<std::string> values;
  for (const FillValue& fill : fills)
    values.push_back(number_in(fill.value, stored) + " (" + fill.source + ")");
  for (const std::string& end : valid.ends()) values.push_back(end);
  return core::count_text(static_cast<int64_t>(cells), "cell") +
         (cells == 1 ? " that holds " : " that hold ") + core::join(values, " or ") +
         (cells == 1 ? " counts" : " count") + " as missing (NaN)";
}

Decoding read_decoding(hid_t dataset, DType dtype) {
  Decoding decoding{dtype, dtype, dtype, 1, 0, {}, {}, {}, {}, ""};
  if (dtype == DType::boolean) return decoding;
  const auto without_sign = unsigned_of(dtype);
  const std::string word = read_text_attribute(dataset, "_Unsigned");
  if (without_sign && (word == "true" || word == "True" || word == "TRUE")) {
    decoding.stored = decoding.decoded = *without_sign;
    decoding.remarks.push_back(std::string("its ") + name_of(dtype) + " are read as " +
                               name_of(*without_sign) + " (attribute _Unsigned)");
  }
  read_fills(dataset, "_FillValue", decoding);
  read_fills(dataset, "missing_value", decoding);
  read_default_fill(dataset, decoding);
  decoding.factor = packing_number(dataset, "scale_factor", 1, decoding);
  decoding.offset = packing_number(dataset, "add_offset", 0, decoding);
  const bool packed = decoding.factor != 1 || decoding.offset != 0;
  if (packed) {
    decoding.remarks.push_back("its packed numbers are unpacked: value = number * " +
                               core::number_text(decoding.factor) + (decoding.offset < 0 ? " - " : " + ") +
                               core::number_text(std::abs(decoding.offset)) +
                               " (attributes scale_factor and add_offset)");
  }
  const StoredNumbers numbers{decoding.stored, decoding.stored != decoding.memory, decoding.factor,
                              decoding.offset};
  decoding.valid = read_valid_range(dataset, numbers, decoding.warnings);
  const bool no_nan = !is_float(decoding.stored) || decoding.stored == DType::f16;
  if (packed || (no_nan && decoding.has_gaps())) decoding.decoded = DType::f64;
  return decoding;
}

}  // namespace fluxsbi::io::h5
