#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/mapped_npy.hpp"
#include "io/npy.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a mapped array gives the rows that a loaded one has", "[io][mapped]") {
  const Folder folder;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::vector<double> values(7 * 6);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.5 * static_cast<double>(i);
    Array array = Array::from(values, {7, 3, 2});
    if (dtype == DType::f32) array = as_float32(array);
    save_npy(folder.file("a.npy"), array);
    MappedNpy mapped(folder.file("a.npy"));
    CHECK(mapped.dtype() == dtype);
    CHECK(mapped.rows() == 7);
    CHECK(mapped.row_size() == 6);
    CHECK(mapped.shape() == array.shape);
    std::vector<float> all(values.size());
    mapped.read_rows(0, 7, all);
    CHECK(all == array.to_float());

    const MappedNpy moved = std::move(mapped);
    std::vector<float> some(3 * 6);
    moved.gather(std::vector<int64_t>{6, 0, 6}, some);
    for (size_t i = 0; i < 6; ++i) {
      CHECK(some[i] == all[36 + i]);
      CHECK(some[6 + i] == all[i]);
      CHECK(some[12 + i] == all[36 + i]);
    }
    CHECK_THROWS_AS(moved.read_rows(5, 3, some), core::InternalError);
    CHECK_THROWS_AS(moved.read_rows(-1, 3, some), core::InternalError);
    CHECK_THROWS_AS(moved.read_rows(0, 2, some), core::InternalError);
  }
}

TEST_CASE("an array without rows is mapped", "[io][mapped]") {
  const MappedNpy mapped(fixture("empty.npy"));
  CHECK(mapped.rows() == 0);
  mapped.read_rows(0, 0, {});
}

TEST_CASE("what cannot be mapped is refused with a remedy", "[io][mapped]") {
  const auto error = [](const std::string& path) { return error_of([&] { const MappedNpy mapped(path); }); };
  CHECK_THAT(error(fixture("big_endian.npy")),
             ContainsSubstring("big_endian.npy: holds int32; only float32 and float64"));
  CHECK_THAT(error(fixture("scalar.npy")), ContainsSubstring("holds a single number"));
  CHECK_THAT(error("/nowhere/a.npy"), ContainsSubstring("there is no such file"));
  const Folder folder;
  std::string text = read_file(fixture("float32.npy"));
  write_file(folder.file("short.npy"), text.substr(0, text.size() - 1));
  CHECK_THAT(error(folder.file("short.npy")), ContainsSubstring("24 bytes of data, but 23 follow"));
  std::string swapped = text;
  swapped.replace(swapped.find('<'), 1, ">");
  write_file(folder.file("swapped.npy"), swapped);
  CHECK_THAT(error(folder.file("swapped.npy")),
             ContainsSubstring("is big-endian and cannot be mapped; save it again"));
  std::string fortran = text;
  fortran.replace(fortran.find("False"), 5, "True ");
  write_file(folder.file("fortran.npy"), fortran);
  CHECK_THAT(error(folder.file("fortran.npy")), ContainsSubstring("is in Fortran order"));
}
