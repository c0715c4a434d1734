#include <filesystem>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/npy.hpp"
#include "io/npy_rows.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("rows that are read one by one are those of the loaded array", "[io][rows]") {
  const Folder folder;
  for (const DType dtype : {DType::f32, DType::f64}) {
    std::vector<double> values(7 * 6);
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.5 * static_cast<double>(i);
    Array array = Array::from(values, {7, 3, 2});
    if (dtype == DType::f32) array = as_float32(array);
    save_npy(folder.file("a.npy"), array);
    const NpyRows rows(folder.file("a.npy"));
    CHECK(rows.dtype() == dtype);
    CHECK(rows.rows() == 7);
    CHECK(rows.row_bytes() == 6 * size_of(dtype));
    CHECK(rows.shape() == array.shape);
    std::vector<std::byte> all(array.bytes.size());
    rows.read(0, 7, all);
    CHECK((all == array.bytes));
    std::vector<std::byte> one(rows.row_bytes());
    rows.read(5, 1, one);
    CHECK(std::equal(one.begin(), one.end(), all.begin() + 5 * static_cast<ptrdiff_t>(one.size())));
    CHECK_THROWS_AS(rows.read(7, 1, one), core::InternalError);
    CHECK_THROWS_AS(rows.read(-1, 1, one), core::InternalError);
    CHECK_THROWS_AS(rows.read(0, 2, one), core::InternalError);
  }
}

TEST_CASE("a .npy file that becomes shorter while it is read is an error, not a crash", "[io][rows]") {
  const Folder folder;
  save_npy(folder.file("a.npy"), Array::from(std::vector<double>(4000), {1000, 4}));
  const NpyRows rows(folder.file("a.npy"));
  std::filesystem::resize_file(folder.file("a.npy"), 1000);
  std::vector<std::byte> row(rows.row_bytes());
  rows.read(3, 1, row);
  CHECK_THAT(error_of([&] { rows.read(900, 1, row); }),
             ContainsSubstring("a.npy: became shorter while it was read"));
}

TEST_CASE("an array without rows is opened", "[io][rows]") {
  const NpyRows rows(fixture("empty.npy"));
  CHECK(rows.rows() == 0);
  rows.read(0, 0, {});
}

TEST_CASE("what cannot be read row by row is refused with a remedy", "[io][rows]") {
  const auto error = [](const std::string& path) { return error_of([&] { const NpyRows rows(path); }); };
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
             ContainsSubstring("is big-endian and cannot be read row by row; save it again"));
  std::string fortran = text;
  fortran.replace(fortran.find("False"), 5, "True ");
  write_file(folder.file("fortran.npy"), fortran);
  CHECK_THAT(error(folder.file("fortran.npy")), ContainsSubstring("is in Fortran order"));
}
