#include <catch2/matchers/catch_matchers_string.hpp>
#include <hdf5.h>

#include "io/hdf5.hpp"
#include "io/npy.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("HDF5 files come back as they were saved", "[io][hdf5]") {
  const Folder folder;
  Arrays arrays;
  for (const DType dtype : all_dtypes()) arrays[name_of(dtype)] = random_array(dtype, {4, 3}, 7);
  arrays["group/inner/theta"] = random_array(DType::f32, {2, 2, 2});
  arrays["empty"] = random_array(DType::f64, {0, 2});
  arrays["scalar"] = random_array(DType::i64, {});
  save_hdf5(folder.file("a.h5"), arrays);
  CHECK(folder.entries() == 1);
  const Arrays found = load_hdf5(folder.file("a.h5"));
  REQUIRE(found.size() == arrays.size());
  for (const auto& [name, array] : arrays) {
    INFO(name);
    REQUIRE(found.contains(name));
    CHECK(same(found.at(name), array.dtype == DType::bf16 ? as_float32(array) : array));
  }
  CHECK(list_hdf5(folder.file("a.h5")).size() == arrays.size());
}

TEST_CASE("an array of several pieces comes back", "[io][hdf5]") {
  const Folder folder;
  const Arrays arrays{
      {"x", {DType::u8, {5, 1 << 25}, std::vector<std::byte>(size_t{5} << 25, std::byte{3})}}};
  save_hdf5(folder.file("a.h5"), arrays);
  CHECK(same(load_hdf5(folder.file("a.h5")).at("x"), arrays.at("x")));
}

TEST_CASE("h5py's file is read: all types, chunks, gzip, both byte orders, groups", "[io][hdf5]") {
  std::vector<std::string> keys;
  std::vector<std::string> problems;
  for (const auto& info : list_hdf5(fixture("h5py.h5"))) {
    if (info.problem.empty()) {
      keys.push_back(info.name);
    } else {
      problems.push_back(info.problem);
    }
  }
  CHECK(keys.size() == 15);
  REQUIRE(problems.size() == 2);
  CHECK_THAT(problems[0], ContainsSubstring("holds text"));
  CHECK_THAT(problems[1], ContainsSubstring("soft or external link"));
  const Arrays arrays = load_hdf5(fixture("h5py.h5"), keys);
  for (const DType dtype : all_dtypes()) {
    if (dtype == DType::bf16) continue;
    INFO(name_of(dtype));
    const Array& array = arrays.at(name_of(dtype));
    CHECK(array.dtype == dtype);
    CHECK(array.to_int64()[3] == (dtype == DType::boolean ? 1 : 103));
  }
  CHECK(arrays.at("packed").shape == std::vector<int64_t>{10, 4});
  CHECK(arrays.at("packed").to_float()[39] == 39);
  CHECK(arrays.at("scalar").to_double() == std::vector<double>{2.5});
  CHECK(arrays.at("group/theta").to_float()[5] == 0.75f);
}

TEST_CASE("a missing dataset and one of text are refused by name", "[io][hdf5]") {
  CHECK_THAT(error_of([] { load_hdf5(fixture("h5py.h5"), std::vector<std::string>{"x"}); }),
             ContainsSubstring("h5py.h5: holds no dataset 'x'; it holds bool, float16,"));
  CHECK_THAT(error_of([] { load_hdf5(fixture("h5py.h5")); }),
             ContainsSubstring("h5py.h5: dataset 'names' holds text; fluxsbi reads numbers"));
}

TEST_CASE("a filter that is missing is named with a remedy", "[io][hdf5]") {
  const Folder folder;
  const std::string path = folder.file("blosc.h5");
  constexpr hsize_t length = 4;
  constexpr H5Z_filter_t blosc = 32001;
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, &length, nullptr), properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 1, &length);
  REQUIRE(H5Pset_filter(properties, blosc, H5Z_FLAG_OPTIONAL, 0, nullptr) >= 0);
  const hid_t data = H5Dcreate2(file, "x", H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  // A chunk that says it went through the filter.
  const std::vector<char> packed(7, 'z');
  const hsize_t offset = 0;
  REQUIRE(H5Dwrite_chunk(data, H5P_DEFAULT, 0, &offset, packed.size(), packed.data()) >= 0);
  H5Dclose(data);
  H5Pclose(properties);
  H5Sclose(space);
  H5Fclose(file);
  const std::string error = error_of([&] { load_hdf5(path); });
  CHECK_THAT(error, ContainsSubstring("dataset 'x' is compressed by blosc (filter 32001)"));
  CHECK_THAT(error, ContainsSubstring("h5repack -f GZIP=4"));
}

TEST_CASE("what is no HDF5 file is refused", "[io][hdf5]") {
  const Folder folder;
  CHECK_THAT(error_of([] { load_hdf5("/nowhere/a.h5"); }), ContainsSubstring("there is no such file"));
  write_file(folder.file("a.h5"), "not HDF5");
  CHECK_THAT(error_of([&] { load_hdf5(folder.file("a.h5")); }),
             ContainsSubstring("a.h5: cannot be read as HDF5"));
  write_file(folder.file("a.h5"), "");
  CHECK_THROWS_AS(load_hdf5(folder.file("a.h5")), core::UserError);
  CHECK_THROWS_AS(parse_hdf5({}, "a.h5"), core::UserError);
}

TEST_CASE("truncated HDF5 files are refused", "[io][hdf5]") {
  const Folder folder;
  save_hdf5(folder.file("a.h5"), {{"theta", random_array(DType::f32, {8, 2})}});
  const std::string whole = read_file(folder.file("a.h5"));
  CHECK(parse_hdf5(bytes_of(whole), "whole.h5").size() == 1);
  constexpr size_t step = 61;  // each attempt is a process
  for (size_t size = 0; size < whole.size(); size += step) {
    const std::string part = whole.substr(0, size);
    CHECK_THAT(error_of([&] { parse_hdf5(bytes_of(part), "part.h5"); }), ContainsSubstring("part.h5: "));
  }
}

TEST_CASE("names that HDF5 cannot hold are refused and leave nothing", "[io][hdf5]") {
  const Folder folder;
  const Array one = random_array(DType::f32, {1});
  CHECK_THAT(error_of([&] {
               save_hdf5(folder.file("a.h5"), {{"a", one}, {"a/b", one}});
             }),
             ContainsSubstring("the array 'a/b' cannot be written as HDF5"));
  CHECK_THAT(error_of([&] { save_hdf5("/dev/null", {{"a", one}}); }), ContainsSubstring("a regular file"));
  CHECK(folder.entries() == 0);
}
