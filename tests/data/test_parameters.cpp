#include <cstdlib>
#include <limits>
#include <numeric>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/files/parameters.hpp"
#include "data/scratch.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataShape;
using data::ParameterRows;
using test::says;
using test::Scratch;

namespace {

const DataShape of_two{2, 1, 1, 1, {}, {}};
const std::vector<std::string> ab_names{"a", "b"};

io::Array counted_from_0(std::vector<int64_t> dims) {
  std::vector<float> values(
      static_cast<size_t>(std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>())));
  std::iota(values.begin(), values.end(), 0.0F);
  return io::Array::from(std::span<const float>(values), std::move(dims));
}

std::vector<double> read_rows(const ParameterRows& rows, int64_t first, int64_t count) {
  std::vector<double> values(static_cast<size_t>(count * 2));
  rows.read(first, count, values);
  return values;
}

}  // namespace

TEST_CASE("parameters that stay in their file are those that are loaded", "[data][parameters]") {
  const Scratch scratch;
  for (const std::string extension : {".npz", ".npy", ".h5"}) {
    for (const auto& dims : {std::vector<int64_t>{6, 2}, {3, 5, 2}}) {
      const bool draws = dims.size() == 3;
      const std::string path = scratch.path("a" + extension);
      io::save_arrays(path, {{draws ? "samples" : "theta", counted_from_0(dims)}});
      const auto all = data::load_parameters(path, of_two, ab_names);
      for (const uint64_t most_bytes : {uint64_t{0}, ParameterRows::small_bytes}) {
        INFO(path << " " << dims.size() << " axes, loaded up to " << most_bytes << " bytes");
        const ParameterRows rows(path, of_two, ab_names, most_bytes);
        REQUIRE(rows.rows() == all.rows);
        REQUIRE(rows.draws() == all.draws);
        CHECK(read_rows(rows, 0, rows.rows()) == all.theta);
        CHECK(read_rows(rows, 4, 2) == std::vector(all.theta.begin() + 8, all.theta.begin() + 12));
        CHECK(read_rows(rows, 1, 1) == std::vector(all.theta.begin() + 2, all.theta.begin() + 4));
      }
    }
  }
}

TEST_CASE("what cannot be read in place is loaded, and what is wrong is said as before",
          "[data][parameters]") {
  const Scratch scratch;
  scratch.write("a.csv", "b,a\n1,2\n3,4\n");
  CHECK(read_rows(ParameterRows(scratch.path("a.csv"), of_two, ab_names, 0), 0, 2) ==
        std::vector<double>{2, 1, 4, 3});
  io::save_arrays(scratch.path("b.npz"), {{"other", counted_from_0({4, 2})}});
  REQUIRE_USER_ERROR(ParameterRows(scratch.path("b.npz"), of_two, ab_names, 0), says("no array 'theta'"));
  CHECK(read_rows(ParameterRows(scratch.path("b.npz") + ":other", of_two, ab_names, 0), 3, 1) ==
        std::vector<double>{6, 7});
  for (const std::string extension : {".npy", ".npz", ".h5"}) {
    io::save_arrays(scratch.path("c" + extension), {{"theta", counted_from_0({4, 3})}});
    REQUIRE_USER_ERROR(ParameterRows(scratch.path("c" + extension), of_two, ab_names, 0),
                       says("2 components"));
    io::save_arrays(scratch.path("one" + extension), {{"theta", counted_from_0({2})}});
    CHECK(ParameterRows(scratch.path("one" + extension), of_two, ab_names, 0).rows() == 1);
  }
}

TEST_CASE("a damaged .npz is refused before its parameters are read", "[data][parameters]") {
  const Scratch scratch;
  const std::string path = scratch.path("a.npz");
  io::save_arrays(path, {{"theta", counted_from_0({6, 2})}});
  std::string bytes = scratch.read("a.npz");
  bytes[200] = static_cast<char>(bytes[200] ^ 1);  // in the values
  scratch.write("a.npz", bytes);
  REQUIRE_USER_ERROR(ParameterRows(path, of_two, ab_names, 0), says("wrong checksum"));
}
