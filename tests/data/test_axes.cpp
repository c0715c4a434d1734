// Models that were trained on arrays whose rows came last read files in the same order.
#include <numeric>

#include <catch2/catch_test_macros.hpp>

#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/files/axes.hpp"
#include "data/files/column_order.hpp"
#include "data/files/given_cells.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"
#include "data/scratch.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataShape;
using data::load_observations;
using test::says;
using test::Scratch;

namespace {

using Values = std::vector<double>;

io::Array counted(std::vector<int64_t> shape) {
  Values values(
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>())));
  std::iota(values.begin(), values.end(), 0.0);
  return io::Array::from(std::span<const double>(values), std::move(shape));
}

DataShape turned(DataShape shape) {
  shape.transposed = true;
  return shape;
}

const DataShape plain{2, 1, 3, 1, {}, {}}, model = turned(plain);

std::string saved(const Scratch& scratch, const std::string& key, const io::Array& array) {
  const std::string path = scratch.path("a.h5");
  io::save_arrays(path, {{key, array}, {"other", counted({1})}});
  return path;
}

}  // namespace

TEST_CASE("a model of transposed arrays reads observations with its axes reversed", "[data][axes]") {
  const Scratch scratch;
  // Julia's x[value, row] is [rows last] here: row r is r, r + 4, r + 8.
  const auto four = load_observations(saved(scratch, "x", counted({3, 4})), model, {});
  REQUIRE(four.rows == 4);
  CHECK(four.x == Values{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
  // As many rows as values: nothing but the model tells.
  const std::string square = saved(scratch, "x", counted({3, 3}));
  CHECK(load_observations(square, model, {}).x == Values{0, 3, 6, 1, 4, 7, 2, 5, 8});
  CHECK(load_observations(square, plain, {}).x == Values{0, 1, 2, 3, 4, 5, 6, 7, 8});
  // One row, and rows that come first and fit no other way.
  CHECK(load_observations(saved(scratch, "x", counted({3})), model, {}).x == Values{0, 1, 2});
  CHECK(load_observations(saved(scratch, "x", counted({2, 3})), model, {}).x == Values{0, 1, 2, 3, 4, 5});
  REQUIRE_USER_ERROR(load_observations(saved(scratch, "x", counted({4, 5})), model, {}), says("[4, 5]"));
  REQUIRE_USER_ERROR(load_observations(saved(scratch, "x", counted({3, 4})), plain, {}),
                     says("opposite order") && says("permutedims") && says("data.transposed: true"));
}

TEST_CASE("sets, parameters and questions of a model of transposed arrays are turned", "[data][axes]") {
  const Scratch scratch;
  DataShape sets = turned({2, 1, 4, 2, {}, {}});
  sets.padded = true;
  // [channels, elements, rows]: row r, element e, channel c is (c * 3 + e) * 2 + r.
  const auto found = load_observations(saved(scratch, "x", counted({2, 3, 2})), sets, {});
  REQUIRE(found.rows == 2);
  CHECK(Values(found.x.begin(), found.x.begin() + 6) == Values{0, 6, 2, 8, 4, 10});
  const std::string theta = saved(scratch, "theta", counted({2, 2}));
  CHECK(data::load_parameters(theta, model, {}).theta == Values{0, 2, 1, 3});
  const data::ParameterRows rows(theta, model, {}, 0);
  Values second(2);
  rows.read(1, 1, second);
  CHECK(second == Values{1, 3});
  const auto cells = data::load_given_cells(saved(scratch, "given", counted({5, 5})), model,
                                            {"theta_0", "theta_1", "x_0", "x_1", "x_2"});
  CHECK(cells.rows == 5);
  CHECK(Values(cells.values.begin(), cells.values.begin() + 5) == Values{0, 5, 10, 15, 20});
}

TEST_CASE("files that fluxsbi wrote keep their rows first for every model", "[data][axes]") {
  const Scratch scratch;
  const std::string path = scratch.path("s.h5");
  io::save_arrays(
      path, {{"x", counted({3, 3})}, {"theta", counted({2, 2})}, {"meta", data::meta_of_names({}, {})}});
  CHECK(load_observations(path, model, {}).x == Values{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK_FALSE(data::has_rows_last(path, model));
  CHECK(data::has_rows_last(saved(scratch, "theta", counted({2, 50})), model));
  CHECK_FALSE(data::has_rows_last(saved(scratch, "theta", counted({50, 2})), model));
  CHECK_FALSE(data::has_rows_last(saved(scratch, "theta", counted({2, 50})), plain));
}

TEST_CASE("a dataset that is read transposed says so in its shape", "[data][axes]") {
  const Scratch scratch;
  data::DataOptions options;
  options.file = scratch.path("a.h5");
  io::save_arrays(*options.file, {{"theta", counted({2, 50})}, {"x", counted({3, 50})}});
  options.transposed = true;
  data::resolve(options, "per_feature");
  CHECK(data::open_dataset(options, 0).shape.transposed);
}
