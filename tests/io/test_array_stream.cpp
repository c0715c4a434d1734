#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "io/array_reader.hpp"
#include "io/array_stream.hpp"
#include "io/files.hpp"
#include "io/named_axes.hpp"
#include "io/partial_file.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Three arrays, or one for .npy.
io::Arrays streamed_arrays(const std::string& extension) {
  std::vector<float> values(5 * 4 * 3);
  std::iota(values.begin(), values.end(), -7.5F);
  const std::vector<uint8_t> flags(5 * 4, 1);
  const std::vector<double> x{1, 2, 3, 4, 5};
  io::Arrays arrays{{"samples", io::Array::from(std::span<const float>(values), {5, 4, 3})}};
  if (extension == ".npy") return arrays;
  arrays.emplace("filled", io::Array::from_bool(flags, {5, 4}));
  arrays.emplace("x", io::Array::from(std::span<const double>(x), {5, 1}));
  return arrays;
}

std::vector<io::ArrayInfo> infos_of(const io::Arrays& arrays) {
  std::vector<io::ArrayInfo> infos;
  for (const auto& [name, array] : arrays) infos.push_back({name, array.dtype, array.shape});
  return infos;
}

const io::AxisNames streamed_axes{{"samples", {"observation", "draw", "parameter"}}};

// Writes in pieces of `piece` bytes, in as many runs as there are pieces.
void stream_in_runs(const std::string& path, const io::Arrays& arrays, size_t piece) {
  std::vector<io::ArrayStream::Progress> progress;
  bool whole = false;
  while (!whole) {
    io::PartialFile file(path, ".partial-rows", "sample");
    io::ArrayStream stream(file, infos_of(arrays), streamed_axes, progress);
    whole = true;
    size_t number = 0;
    for (const auto& [name, array] : arrays) {
      const size_t done = stream.progress()[number].bytes;
      const auto rest = std::span(array.bytes).subspan(done);
      stream.append(number++, rest.first(std::min(piece, rest.size())));
      whole = whole && rest.size() <= piece;
    }
    progress = stream.progress();
    file.keep();
    if (whole) stream.finish(), file.commit();
  }
}

}  // namespace

TEST_CASE("arrays that are written in pieces and runs give the file that is written at once",
          "[io][stream]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string extension = GENERATE(".npy", ".npz", ".h5");
  const auto arrays = streamed_arrays(extension);
  const std::string path = folder.file("a" + extension), whole = folder.file("b" + extension);
  stream_in_runs(path, arrays, GENERATE(24, 1000));
  CHECK_FALSE(fs::exists(path + ".partial-rows"));
  if (extension == ".h5") {
    stream_in_runs(whole, arrays, 8);
  } else {
    io::save_arrays_with_axes(whole, arrays, streamed_axes);
  }
  CHECK(content_of(path) == content_of(whole));
  const auto read = io::load_arrays(path).arrays;
  for (const auto& [name, array] : arrays) {
    const auto& found = extension == ".npy" ? read.begin()->second : read.at(name);
    CHECK(found.shape == array.shape);
    CHECK(found.dtype == array.dtype);
    CHECK(found.bytes == array.bytes);
  }
}

TEST_CASE("a stream goes on only with the file that it left", "[io][stream]") {
  const fluxsbi::test::TemporaryFolder folder;
  const auto arrays = streamed_arrays(".npz");
  const std::string path = folder.file("a.npz");
  std::vector<io::ArrayStream::Progress> progress;
  {
    io::PartialFile file(path, ".partial-rows", "sample");
    io::ArrayStream stream(file, infos_of(arrays), streamed_axes);
    stream.append(1, arrays.at("samples").bytes);
    progress = stream.progress();
    file.keep();
  }
  fs::resize_file(path + ".partial-rows", 20);
  io::PartialFile file(path, ".partial-rows", "sample");
  CHECK_THROWS_WITH(io::ArrayStream(file, infos_of(arrays), streamed_axes, progress),
                    ContainsSubstring("is shorter than the journal beside it says"));
}

TEST_CASE("an output is written by one process at a time, and is not left half", "[io][stream]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string path = folder.file("a.npy");
  {
    const io::PartialFile file(path, ".partial-rows", "sample");
    CHECK_THROWS_WITH(io::PartialFile(path, ".partial-rows", "sample"),
                      ContainsSubstring("a.npy is being written by another fluxsbi sample"));
    CHECK(fs::exists(path + ".partial-rows"));
  }
  CHECK_FALSE(fs::exists(path + ".partial-rows"));
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("arrays are read in pieces, and damage is found", "[io][stream]") {
  const fluxsbi::test::TemporaryFolder folder;
  const std::string extension = GENERATE(".npz", ".h5");
  const std::string path = folder.file("a" + extension);
  const auto arrays = streamed_arrays(extension);
  io::save_arrays(path, arrays);
  io::ArrayReader reader(path);
  REQUIRE(reader.find("samples"));
  CHECK_FALSE(reader.find("y"));
  std::vector<std::byte> all, row(4 * 3 * sizeof(float));
  for (int i = 0; i < 5; ++i) {
    reader.read("samples", row);
    all.insert(all.end(), row.begin(), row.end());
  }
  CHECK(all == arrays.at("samples").bytes);
  CHECK(reader.read_all("filled") == arrays.at("filled").bytes);
  if (extension != ".npz") return;
  std::string bytes = content_of(path);
  const std::string first(reinterpret_cast<const char*>(all.data()), 16);
  bytes.at(bytes.find(first) + 3) ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  io::ArrayReader damaged(path);
  CHECK_THROWS_WITH(damaged.read_all("samples"), ContainsSubstring("wrong checksum"));
}
