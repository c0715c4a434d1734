// Files whose names say one thing and whose first bytes another.
#include <filesystem>
#include <functional>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "io/atomic_file.hpp"
#include "io/content.hpp"
#include "io/csv.hpp"
#include "io/hdf5.hpp"
#include "io/npy.hpp"
#include "io/npz.hpp"
#include "io/support.hpp"

using namespace fluxsbi;
using namespace fluxsbi::io;
using namespace fluxsbi::io::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a file of another format than its name says is called what it is", "[io][content]") {
  const Folder folder;
  const Array array = random_array(DType::f64, {4, 2}, 7);
  const auto refused = [](const std::function<void()>& read, const std::string& what) {
    CHECK_THROWS_WITH(read(), ContainsSubstring(what));
  };
  save_npy(folder.file("a.npy"), array);
  save_npz(folder.file("a.npz"), {{"x", array}});
  save_hdf5(folder.file("a.h5"), {{"x", array}});
  for (const auto& [from, to] : {std::pair{"a.npy", "npy.npz"}, std::pair{"a.npz", "npz.csv"},
                                 std::pair{"a.h5", "h5.npz"}, std::pair{"a.npz", "npz.h5"}})
    std::filesystem::copy_file(folder.file(from), folder.file(to));
  refused([&] { load_npz(folder.file("npy.npz")); }, "npy.npz: is a .npy array, not a .npz archive; give it");
  refused([&] { load_npz(folder.file("h5.npz")); }, "is an HDF5 file, not a .npz archive");
  refused([&] { load_csv(folder.file("npz.csv"), {}); }, "is a zip archive, not text");
  refused([&] { load_hdf5(folder.file("npz.h5")); }, "is a zip archive, not HDF5");
  write_text(folder.file("zipped.csv"), "\x1f\x8b\x08 and so on");
  refused([&] { load_csv(folder.file("zipped.csv"), {}); }, "compressed by gzip, not text; unpack it first");
  write_text(folder.file("pickled.npy"), std::string("\x80\x04\x95", 3));
  refused([&] { load_npy(folder.file("pickled.npy")); }, "is a Python pickle, not a .npy array");
  write_text(folder.file("old.h5"), std::string("CDF\x01", 4) + std::string(40, '\0'));
  refused([&] { load_hdf5(folder.file("old.h5")); }, "nccopy -k nc4");
  CHECK(load_npz(folder.file("a.npz")).size() == 1);
  CHECK(load_hdf5(folder.file("a.h5")).size() == 1);
}
