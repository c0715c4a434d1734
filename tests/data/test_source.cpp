#include <algorithm>
#include <filesystem>
#include <numeric>

#include <catch2/catch_test_macros.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/loaded.hpp"
#include "data/scratch.hpp"
#include "data/source/complement.hpp"
#include "data/source/parts.hpp"
#include "data/source/standardised_rows.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataOptions;
using test::load_dataset;
using test::says;
using test::Scratch;

namespace {

/// Rows first, ..., first + rows - 1 of a table whose numbers count up, `width` a row.
io::Array counting(int64_t first, int64_t rows, int64_t width) {
  std::vector<double> values(static_cast<size_t>(rows * width));
  std::iota(values.begin(), values.end(), static_cast<double>(first * width));
  return io::Array::from(std::span<const double>(values), {rows, width});
}

/// A set of 30 rows in a file, or rows [first, first + rows) of it in another.
void save(const std::string& path, int64_t first = 0, int64_t rows = 30) {
  if (path.ends_with(".npy")) {
    const std::string stem = path.substr(0, path.size() - 4);
    io::save_arrays(stem + "_theta.npy", {{"array", counting(first, rows, 2)}});
    io::save_arrays(stem + "_x.npy", {{"array", counting(first, rows, 3)}});
    return;
  }
  io::save_arrays(path, {{"theta", counting(first, rows, 2)}, {"x", counting(first, rows, 3)}});
}

DataOptions from(std::vector<std::string> files, double memory_gb) {
  DataOptions options;
  options.files = std::move(files);
  options.memory_gb = memory_gb;
  return options;
}

}  // namespace

TEST_CASE("a complement holds what is left, in order", "[data][source]") {
  const data::Complement numbers(8, {0, 3, 4, 7});
  CHECK(numbers.size() == 4);
  CHECK(numbers.all() == std::vector<int64_t>{1, 2, 5, 6});
  CHECK(data::Complement(3, {}).all() == std::vector<int64_t>{0, 1, 2});
  CHECK(data::Complement(2, {0, 1}).size() == 0);
}

TEST_CASE("rows come alike from memory, .npy, HDF5 and several files", "[data][source]") {
  const Scratch scratch;
  for (const char* name : {"a.npz", "a.npy", "a.h5"}) save(scratch.path(name));
  save(scratch.path("part_2.h5"), 0, 11);
  save(scratch.path("part_9.npz"), 11, 1);
  save(scratch.path("part_10.npy"), 12, 18);
  const std::vector<int64_t> some{29, 0, 11, 12, 10, 11};
  std::vector<float> expected;
  for (const int64_t row : some) {
    for (int64_t i = 0; i < 3; ++i) expected.push_back(static_cast<float>(3 * row + i));
  }
  const std::string parts = scratch.path("part_*");
  for (const std::string& name :
       {scratch.path("a.npz"), scratch.path("a.npy"), scratch.path("a.h5"), parts}) {
    for (const double memory_gb : {4.0, 0.0}) {
      CAPTURE(name, memory_gb);
      const auto dataset = data::open_dataset(from({name}, memory_gb), 0);
      CHECK(dataset.rows->rows() == 30);
      CHECK(dataset.rows->in_memory() == (memory_gb > 0 || name.ends_with(".npz")));
      CHECK(dataset.remarks.empty() == dataset.rows->in_memory());
      CHECK(test::rows_of(dataset.rows->x(), some) == expected);
      std::vector<double> block(2 * 20);
      dataset.rows->theta().read(5, 20, block);
      CHECK(block.front() == 10);
      CHECK(block.back() == 49);
    }
  }
  CHECK(data::dataset_shape(from({parts}, 0)).x_dim == 3);
  DataOptions folder;
  folder.file = std::filesystem::path(scratch.path("a.npz")).parent_path().string();
  CHECK(load_dataset(folder, 0).rows == 120);
}

TEST_CASE("parts come in the order of their names, numbers as numbers", "[data][source]") {
  const Scratch scratch;
  for (const char* name : {"b_10.npz", "b_9.npz", "b_2_theta.npy", "b_2_x.npy", "notes.txt"})
    scratch.write(name, "");
  const auto parts = data::part_files({scratch.path("b_*"), scratch.path("b_9.npz")});
  CHECK(parts == std::vector<std::string>{scratch.path("b_2.npy"), scratch.path("b_9.npz"),
                                          scratch.path("b_10.npz"), scratch.path("b_9.npz")});
  REQUIRE_USER_ERROR(data::part_files({scratch.path("c_*")}), says("no data file has such a name"));
  std::filesystem::create_directory(scratch.path("empty"));
  REQUIRE_USER_ERROR(data::part_files({scratch.path("empty")}), says("the folder holds no data file"));
}

TEST_CASE("a part of another shape than the first is refused, both named", "[data][source]") {
  const Scratch scratch;
  save(scratch.path("a.npz"));
  io::save_arrays(scratch.path("b.npz"), {{"theta", counting(0, 5, 2)}, {"x", counting(0, 5, 4)}});
  REQUIRE_USER_ERROR(
      data::open_dataset(from({scratch.path("a.npz"), scratch.path("b.npz")}, 4), 0),
      says("b.npz: a row has theta [2, 1] and x [4, 1], but theta [2, 1] and x [3, 1] in") && says("a.npz"));
}

TEST_CASE("a file that becomes shorter is named when its rows are read", "[data][source]") {
  const Scratch scratch;
  save(scratch.path("a.npy"));
  const auto dataset = data::open_dataset(from({scratch.path("a.npy")}, 0), 0);
  std::filesystem::resize_file(scratch.path("a_x.npy"), 300);
  REQUIRE_USER_ERROR(test::rows_of(dataset.rows->x(), {29}),
                     says("a_x.npy: became shorter while it was read"));
}

TEST_CASE("standardised rows come in the order that is asked for", "[data][source]") {
  const auto rows = std::make_shared<data::RowSource>(data::rows_in_memory(counting(0, 5, 2)),
                                                      data::rows_in_memory(counting(0, 5, 1)));
  const data::StandardisedRows standardised(rows, {{1, 2}, {2, 4}}, {{2}, {0.5}});
  std::vector<float> theta(4), x(2);
  standardised.read(std::vector<int64_t>{4, 1}, theta, x);
  CHECK(theta == std::vector<float>{3.5f, 1.75f, 0.5f, 0.25f});
  CHECK(x == std::vector<float>{4, -2});
}
