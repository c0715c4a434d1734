#include <cmath>

#include <catch2/matchers/catch_matchers_string.hpp>
#include <hdf5.h>

#include "core/log.hpp"
#include "io/array_reader.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_rows.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// What the program says while f runs.
template <class F>
std::string said(F f) {
  const Folder folder;
  core::log::tee(folder.file("log"));
  f();
  core::log::tee("");
  return read_file(folder.file("log"));
}

// The fixtures hold 0 to 7 in four rows, of which 2 and 7 are missing; missing numbers as -1000.
std::vector<double> with_gaps(std::vector<double> values) {
  for (double& value : values) value = std::isnan(value) ? -1000 : value;
  return values;
}
const std::vector<double> counting{0, 1, -1000, 3, 4, 5, 6, -1000};

std::vector<double> counting_times(double factor, double offset) {
  std::vector<double> values = counting;
  for (double& value : values) value = value == -1000 ? value : value * factor + offset;
  return values;
}

struct Attribute {
  const char* name;
  std::vector<double> values;  ///< none: the text "many"
  hid_t type = H5T_IEEE_F64LE;
};

// A dataset x of 1, 2, ..., 6 in three rows, with attributes.
std::string saved(const Folder& folder, DType dtype, const std::vector<Attribute>& attributes) {
  const std::string path = folder.file("a.h5");
  std::vector<double> values{1, 2, 3, 4, 5, 6};
  Array array = Array::from(values, {3, 2});
  if (dtype == DType::u8) array = {dtype, {3, 2}, {}};
  for (int i = 1; dtype == DType::u8 && i <= 6; ++i) array.bytes.push_back(static_cast<std::byte>(i));
  save_hdf5(path, {{"x", array}});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT),
              data = H5Dopen2(file, "x", H5P_DEFAULT);
  for (const auto& [name, numbers, type] : attributes) {
    const auto count = static_cast<hsize_t>(std::max<size_t>(numbers.size(), 1));
    const hid_t space = H5Screate_simple(1, &count, nullptr), text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 5);
    const hid_t attribute =
        H5Acreate2(data, name, numbers.empty() ? text : type, space, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE((numbers.empty() ? H5Awrite(attribute, text, "many")
                             : H5Awrite(attribute, H5T_NATIVE_DOUBLE, numbers.data())) >= 0);
    H5Aclose(attribute);
    H5Tclose(text);
    H5Sclose(space);
  }
  H5Dclose(data);
  H5Fclose(file);
  return path;
}

std::vector<double> x_of(const std::string& path) {
  return with_gaps(load_hdf5(path).at("x").to_double());
}

}  // namespace

TEST_CASE("xarray's fill values, packed and unsigned numbers are read as xarray reads them", "[io][hdf5]") {
  Arrays arrays;
  const std::string log = said([&] { arrays = load_arrays(fixture("xarray.nc")).arrays; });
  for (const char* name : {"x", "plain", "count"}) {
    INFO(name);
    CHECK(with_gaps(arrays.at(name).to_double()) == counting);
  }
  CHECK(arrays.at("x").dtype == DType::f32);
  CHECK(with_gaps(arrays.at("packed").to_double()) == counting_times(0.25, 280));
  CHECK(with_gaps(arrays.at("unsigned").to_double()) == counting_times(1, 200));
  const auto says = [](const std::string& text) { return ContainsSubstring("xarray.nc: dataset " + text); };
  CHECK_THAT(log, says("'x': 2 cells that hold 9.96921e+36 (attribute _FillValue) count as missing (NaN)"));
  CHECK_THAT(log, says("'count': 2 cells that hold -9999 (attribute _FillValue) count as missing (NaN)"));
  CHECK_THAT(log, says("'packed': its packed numbers are unpacked: value = number * 0.25 + 273"));
  CHECK_THAT(log, says("'packed': 2 cells that hold -32767"));
  CHECK_THAT(log,
             says("'unsigned': its int8 are read as uint8") && says("'unsigned': 2 cells that hold 255"));
  CHECK_THAT(log, !ContainsSubstring("'plain'"));  // its fill value is NaN already
}

TEST_CASE("cells that netCDF fills by default are missing, but those of bytes", "[io][hdf5]") {
  const Arrays arrays = load_arrays(fixture("netcdf4.nc")).arrays;
  for (const char* name : {"single", "double", "short"}) {
    INFO(name);
    CHECK(with_gaps(arrays.at(name).to_double()) == counting);
  }
  CHECK(arrays.at("byte").to_double()[2] == -127);
  std::vector<double> without_five = counting;
  without_five[5] = -1000;  // missing_value = [-99, 5]
  CHECK(with_gaps(arrays.at("several").to_double()) == without_five);
}

TEST_CASE("rows that stay in their file are decoded as those that are loaded", "[io][hdf5][rows]") {
  const std::vector<std::string> keys{"packed", "count", "x", "unsigned"};
  const Arrays arrays = load_hdf5(fixture("xarray.nc"));
  const Hdf5Rows rows(fixture("xarray.nc"), keys);
  for (size_t index = 0; index < keys.size(); ++index) {
    INFO(keys[index]);
    const ArrayInfo& info = rows.datasets()[index];
    const Array& whole = arrays.at(keys[index]);
    REQUIRE(info.dtype == whole.dtype);
    Array found{info.dtype, info.shape, std::vector<std::byte>(whole.bytes.size())};
    rows.read(index, std::vector<RowRun>{{0, 3}, {3, 1}}, found.bytes);
    CHECK(with_gaps(found.to_double()) == with_gaps(whole.to_double()));
  }
  for (const ArrayInfo& info : list_hdf5(fixture("xarray.nc")))
    CHECK(info.dtype == arrays.at(info.name).dtype);
  const Folder folder;
  const std::string path = saved(folder, DType::f64, {{"_FillValue", {4}}});
  CHECK_THAT(said([&] { Hdf5Rows(path, {"x"}); }), ContainsSubstring("'x': 1 cell that holds 4 (attribute"));
  CHECK(std::isnan(Array{DType::f64, {6}, ArrayReader(path).read_all("x")}.to_double()[3]));
}

TEST_CASE("a fill value that no cell can hold, or that is no number, is named and passed over",
          "[io][hdf5]") {
  const Folder folder;
  std::vector<double> x;
  const std::vector<double> all{1, 2, 3, 4, 5, 6};
  const auto log = [&](const std::string& path) { return said([&] { x = x_of(path); }); };
  CHECK_THAT(log(saved(folder, DType::u8, {{"missing_value", {-255}}})),
             ContainsSubstring("missing_value = -255 is no value of uint8 and is passed over"));
  CHECK(x == all);
  CHECK_THAT(log(saved(folder, DType::u8, {{"_FillValue", {2.5}}})),
             ContainsSubstring("_FillValue = 2.5 is no"));
  CHECK_THAT(log(saved(folder, DType::f64, {{"_FillValue", {}}})),
             ContainsSubstring("its attribute _FillValue is text and is passed over"));
  CHECK(x == all);
  CHECK_THAT(log(saved(folder, DType::f64, {{"_FillValue", std::vector<double>(100, 1)}})),
             ContainsSubstring("_FillValue holds 100 numbers and is passed over"));
  CHECK(x == all);
  CHECK(x_of(saved(folder, DType::u8, {{"_FillValue", {2}}, {"missing_value", {3, NAN}}})) ==
        std::vector<double>{1, -1000, -1000, 4, 5, 6});
}

TEST_CASE("packed numbers whose attributes are wrong are refused", "[io][hdf5]") {
  const Folder folder;
  const auto problem = [&](const std::vector<Attribute>& attributes) {
    return error_of([&] { load_hdf5(saved(folder, DType::u8, attributes)); });
  };
  CHECK_THAT(problem({{"scale_factor", {}}}),
             ContainsSubstring("a.h5: dataset 'x' holds packed numbers whose attribute scale_factor is text, "
                               "where one finite number other than 0 belongs"));
  CHECK_THAT(problem({{"scale_factor", {0}}}), ContainsSubstring("scale_factor is 0, where"));
  CHECK_THAT(problem({{"add_offset", {NAN}}}),
             ContainsSubstring("add_offset is nan, where one finite number b"));
  CHECK_THAT(problem({{"scale_factor", {1, 2}}}), ContainsSubstring("scale_factor holds 2 numbers, where"));
  CHECK(x_of(saved(folder, DType::u8, {{"scale_factor", {1}}, {"add_offset", {0}}})) ==
        std::vector<double>{1, 2, 3, 4, 5, 6});
  CHECK(
      x_of(saved(folder, DType::u8, {{"scale_factor", {0.5}}, {"add_offset", {-1}}, {"_FillValue", {6}}})) ==
      std::vector<double>{-0.5, 0, 0.5, 1, 1.5, -1000});
}

TEST_CASE("numbers outside valid_range, valid_min and valid_max are missing, and the ends are not",
          "[io][hdf5]") {
  const Folder folder;
  std::vector<double> x;
  const auto log = [&](const std::string& path) { return said([&] { x = x_of(path); }); };
  CHECK_THAT(log(saved(folder, DType::f64, {{"valid_range", {2, 5}}})),
             ContainsSubstring("'x': 2 cells that hold less than 2 (attribute valid_range) or more than 5 "
                               "(attribute valid_range) count as missing (NaN)"));
  CHECK(x == std::vector<double>{-1000, 2, 3, 4, 5, -1000});
  CHECK_THAT(
      log(saved(folder, DType::u8, {{"valid_min", {2}}, {"_FillValue", {4}}})),
      ContainsSubstring("'x': 2 cells that hold 4 (attribute _FillValue) or less than 2 (attribute v"));
  CHECK(x == std::vector<double>{-1000, 2, 3, -1000, 5, 6});
  CHECK(x_of(saved(folder, DType::f64, {{"valid_range", {2, 6}}, {"valid_max", {4.5}}})) ==
        std::vector<double>{-1000, 2, 3, 4, -1000, -1000});
  CHECK_THAT(log(saved(folder, DType::f64, {{"valid_range", {1, 6}}})), !ContainsSubstring("missing"));
  CHECK_THAT(said([&] {
               Hdf5Rows(saved(folder, DType::f64, {{"valid_max", {4}}}), {"x"});
             }),
             ContainsSubstring("2 cells that hold more than 4 (attribute valid_max)"));
  const auto problem = [&](const std::vector<double>& values) {
    const std::string text = log(saved(folder, DType::f64, {{"valid_range", values}}));
    CHECK(x == std::vector<double>{1, 2, 3, 4, 5, 6});
    return text;
  };
  CHECK_THAT(problem({5, 2}),
             ContainsSubstring("its attribute valid_range holds 5 before 2 and is passed over"));
  CHECK_THAT(problem({3}), ContainsSubstring("valid_range holds 1 number, where two belong and is passed"));
  CHECK_THAT(problem({NAN, 3}), ContainsSubstring("valid_range is NaN and is"));
  CHECK_THAT(problem({}), ContainsSubstring("valid_range is text and is"));
}

TEST_CASE("the valid range of packed numbers is packed, unless its type is that of unpacked ones",
          "[io][hdf5]") {
  const Folder folder;
  const auto x = [&](const std::vector<Attribute>& attributes) {
    std::vector<Attribute> all = attributes;
    all.push_back({"add_offset", {10}});
    return x_of(saved(folder, DType::u8, all));
  };
  const Attribute down{"scale_factor", {-0.1}}, up{"scale_factor", {0.1}};
  const std::vector<double> middle{-1000, 10.2, 10.3, 10.4, 10.5, -1000};
  const auto near = [](const std::vector<double>& found, const std::vector<double>& wanted) {
    for (size_t i = 0; i < wanted.size(); ++i) CHECK(std::abs(found.at(i) - wanted[i]) < 1e-9);
  };
  near(x({up, {"valid_range", {2, 5}, H5T_STD_U8LE}}), middle);
  near(x({up, {"valid_range", {10.2, 10.5}}}), middle);
  near(x({down, {"valid_range", {9.5, 9.8}}}), {-1000, 9.8, 9.7, 9.6, 9.5, -1000});
  near(x({down, {"valid_max", {9.8}}}), {-1000, 9.8, 9.7, 9.6, 9.5, 9.4});
}
