#include <filesystem>

#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/hdf5.hpp"
#include "io/hdf5_rows.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("rows of chunked and packed datasets are read one by one", "[io][hdf5][rows]") {
  const std::vector<std::string> keys{"packed", "group/theta"};
  const Hdf5Rows rows(fixture("h5py.h5"), keys);
  const Arrays arrays = load_hdf5(fixture("h5py.h5"), keys);
  for (size_t index = 0; index < 2; ++index) {
    const ArrayInfo& info = rows.datasets()[index];
    const Array& whole = arrays.at(info.name);
    CHECK(info.dtype == whole.dtype);
    CHECK(info.shape == whole.shape);
    const size_t row_bytes = whole.bytes.size() / static_cast<size_t>(whole.shape[0]);
    std::vector<std::byte> some(3 * row_bytes);
    rows.read(index, std::vector<RowRun>{{1, 1}, {0, 2}}, some);
    CHECK(std::equal(some.begin(), some.begin() + static_cast<ptrdiff_t>(row_bytes),
                     whole.bytes.begin() + static_cast<ptrdiff_t>(row_bytes)));
    CHECK(std::equal(some.begin() + static_cast<ptrdiff_t>(row_bytes), some.end(), whole.bytes.begin()));
  }
}

TEST_CASE("an HDF5 file whose rows cannot be read is refused", "[io][hdf5][rows]") {
  CHECK_THAT(error_of([] { Hdf5Rows(fixture("h5py.h5"), {"x"}); }),
             ContainsSubstring("holds no dataset 'x'"));
  const Folder folder;
  write_file(folder.file("a.h5"), "no HDF5");
  CHECK_THAT(error_of([&] { Hdf5Rows(folder.file("a.h5"), {"x"}); }),
             ContainsSubstring("cannot be read as HDF5"));
}

TEST_CASE("an HDF5 file that becomes shorter while it is read is an error", "[io][hdf5][rows]") {
  const Folder folder;
  save_hdf5(folder.file("a.h5"), {{"x", Array::from(std::vector<double>(4000, 1), {1000, 4})}});
  const Hdf5Rows rows(folder.file("a.h5"), {"x"});
  std::vector<std::byte> row(4 * sizeof(double));
  rows.read(0, std::vector<RowRun>{{999, 1}}, row);
  std::filesystem::resize_file(folder.file("a.h5"), 9000);
  CHECK_THAT(error_of([&] {
               rows.read(0, std::vector<RowRun>{{999, 1}}, row);
             }),
             ContainsSubstring("a.h5: became shorter while it was read"));
}
