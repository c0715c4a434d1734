#include <cmath>
#include <limits>
#include <numeric>

#include <catch2/catch_test_macros.hpp>

#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/files/observations.hpp"
#include "data/scratch.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataShape;
using data::load_observations;
using test::says;
using test::Scratch;

namespace {

using Shape = std::vector<int64_t>;

io::Array counted_floats(Shape shape) {
  std::vector<float> values(
      static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>())));
  std::iota(values.begin(), values.end(), 0.0f);
  return io::Array::from(std::span<const float>(values), std::move(shape));
}

const DataShape vector3{2, 1, 3, 1, {}, {}}, pairs3{2, 1, 3, 2, {}, {}}, single{2, 1, 1, 1, {}, {}},
    image{2, 1, 6, 2, {}, {2, 3}};

}  // namespace

TEST_CASE("rows come with or without the leading axis", "[data][observations]") {
  const Scratch scratch;
  const struct {
    DataShape shape;
    Shape array;
    int64_t rows;
  } cases[] = {{vector3, {5, 3}, 5},     {vector3, {3}, 1},      {vector3, {5, 3, 1}, 5},
               {vector3, {3, 1}, 1},     {pairs3, {5, 3, 2}, 5}, {pairs3, {3, 2}, 1},
               {single, {4}, 4},         {single, {4, 1}, 4},    {single, {}, 1},
               {image, {2, 2, 3, 2}, 2}, {image, {2, 3, 2}, 1},  {image, {4, 6, 2}, 4},
               {image, {6, 2}, 1}};
  for (const auto& [shape, array, rows] : cases) {
    io::save_arrays(scratch.path("x.npy"), {{"array", counted_floats(array)}});
    io::save_arrays(scratch.path("x.npz"), {{"x", counted_floats(array)}, {"theta", counted_floats({7})}});
    for (const char* name : {"x.npy", "x.npz"}) {
      const auto observations = load_observations(scratch.path(name), shape, {});
      REQUIRE(observations.rows == rows);
      REQUIRE(std::ssize(observations.x) == rows * shape.x_size());
      REQUIRE(observations.x.back() == static_cast<float>(observations.x.size() - 1));
    }
  }
}

TEST_CASE("observations are read from HDF5", "[data][observations]") {
  const Scratch scratch;
  io::save_arrays(scratch.path("x.h5"), {{"x", counted_floats({2, 3})}, {"theta", counted_floats({7})}});
  REQUIRE(load_observations(scratch.path("x.h5"), vector3, {}).rows == 2);
}

TEST_CASE("csv headers are the model's names in any order, or data_1, data_2, ...", "[data][observations]") {
  const Scratch scratch;
  const std::vector<std::string> names{"a", "b", "c"};
  const auto own = scratch.write("own.csv", "theta_0,c,a,b\n9,3,1,2\n9,6,4,5\n");
  REQUIRE(load_observations(own, vector3, names).x == std::vector<double>{1, 2, 3, 4, 5, 6});
  const auto numbered = scratch.write("numbered.csv", "data_1,data_2,data_3\n1,2,3\n");
  REQUIRE(load_observations(numbered, vector3, names).x == std::vector<double>{1, 2, 3});
  REQUIRE(load_observations(scratch.write("bare.txt", "1 2 3\n4 5 6\n"), vector3, names).x ==
          std::vector<double>{1, 2, 3, 4, 5, 6});
  const auto column = load_observations(scratch.write("column.txt", "1\n2\n3\n"), vector3, names);
  REQUIRE(column.rows == 1);
  REQUIRE(column.x == std::vector<double>{1, 2, 3});
  REQUIRE_USER_ERROR(load_observations(scratch.write("two.txt", "1 2\n"), vector3, names),
                     says("2 columns without names") && says("a, b, c"));
  io::save_arrays(scratch.path("keys.H5"),
                  {{"group/obs", io::Array::from(std::vector<float>{1, 2, 3}, {3})}});
  REQUIRE(load_observations(scratch.path("keys.H5") + ":group/obs", vector3, names).rows == 1);
  const auto many = scratch.write("many.csv", "data_1,data_2,data_3,data_4\n1,2,3,4\n");
  REQUIRE_USER_ERROR(load_observations(many, vector3, names), says("data_4") && says("a, b, c"));
  const auto few = scratch.write("few.csv", "a,b\n1,2\n");
  REQUIRE_USER_ERROR(load_observations(few, vector3, names), says("few.csv has the columns a, b;"));
  REQUIRE_USER_ERROR(load_observations(numbered, pairs3, names), says("one channel"));
}

TEST_CASE("observations that do not fit the model are refused", "[data][observations]") {
  const Scratch scratch;
  const auto load = [&](io::Array x, const DataShape& shape) {
    io::save_arrays(scratch.path("x.npy"), {{"array", std::move(x)}});
    return load_observations(scratch.path("x.npy"), shape, {});
  };
  REQUIRE_USER_ERROR(load(counted_floats({5, 4}), vector3),
                     says("[5, 4]") && says("3 tokens of 1 channel") && says("[rows, 3]"));
  REQUIRE_USER_ERROR(load(counted_floats({5, 3}), pairs3),
                     says("3 tokens of 2 channels") && says("[rows, 3, 2]"));
  REQUIRE_USER_ERROR(load(counted_floats({5, 3, 2, 2}), pairs3), says("[5, 3, 2, 2]"));
  REQUIRE_USER_ERROR(load(counted_floats({3, 2, 2}), image), says("[rows, 2, 3, 2]"));
  REQUIRE_USER_ERROR(load(counted_floats({0, 3}), vector3), says("no rows"));
  const std::vector<float> holed{1, 2, 3, 4, std::numeric_limits<float>::quiet_NaN(), 6};
  REQUIRE_USER_ERROR(load(io::Array::from(std::span<const float>(holed), {2, 3}), vector3),
                     says("row 1") && says("x_1") && says("data.nan: impute"));
  DataShape knows = vector3;
  knows.missing = true;
  REQUIRE(load(io::Array::from(std::span<const float>(holed), {2, 3}), knows).rows == 2);
  REQUIRE(load_observations(scratch.path("x.npy"), vector3, {}, /*gaps=*/true).rows == 2);
  const std::vector<float> infinite{1, 2, std::numeric_limits<float>::infinity()};
  REQUIRE_USER_ERROR(load(io::Array::from(std::span<const float>(infinite), {1, 3}), knows), says("x_2"));
  REQUIRE_USER_ERROR(load_observations(scratch.path("absent.npy"), vector3, {}), says("absent.npy"));
  io::save_arrays(scratch.path("y.npz"), {{"y", counted_floats({2, 3})}});
  REQUIRE_USER_ERROR(load_observations(scratch.path("y.npz"), vector3, {}), says("y"));
}

TEST_CASE("an image of another size than trained on is refused with both sizes", "[data][observations]") {
  const Scratch scratch;
  const DataShape grey{2, 1, 256, 1, {}, {16, 16}};
  for (const Shape& wrong : {Shape{3, 32, 32, 1}, Shape{32, 32}, Shape{3, 16, 15, 1}}) {
    io::save_arrays(scratch.path("x.npy"), {{"array", counted_floats(wrong)}});
    REQUIRE_USER_ERROR(load_observations(scratch.path("x.npy"), grey, {}),
                       says("images of 16 x 16 pixels") && says("give [rows, 16, 16, 1]"));
  }
}

TEST_CASE("sets may be smaller than those trained on, not larger", "[data][observations]") {
  const Scratch scratch;
  const DataShape draws{2, 1, 4, 1, {}, {}, true}, pairs{2, 1, 4, 2, {}, {}, true};
  const auto load = [&](const Shape& shape, const DataShape& model) {
    io::save_arrays(scratch.path("x.npy"), {{"array", counted_floats(shape)}});
    return load_observations(scratch.path("x.npy"), model, {});
  };
  const struct {
    DataShape model;
    Shape array;
    int64_t rows, elements;
  } cases[] = {{draws, {3, 4, 1}, 3, 4}, {draws, {3, 2, 1}, 3, 2}, {draws, {3, 2}, 3, 2}, {draws, {3}, 1, 3},
               {pairs, {3, 2, 2}, 3, 2}, {pairs, {3, 2}, 1, 3},    {draws, {1, 1}, 1, 1}};
  for (const auto& [model, array, rows, elements] : cases) {
    const auto observations = load(array, model);
    REQUIRE(observations.rows == rows);
    REQUIRE(std::ssize(observations.x) == rows * model.x_size());
    for (int64_t i = 0; i < std::ssize(observations.x); ++i) {
      const bool present = i % model.x_size() < elements * model.x_channels;
      REQUIRE(std::isfinite(observations.x[static_cast<size_t>(i)]) == present);
    }
    REQUIRE(observations.x[static_cast<size_t>(elements * model.x_channels - 1)] ==
            static_cast<float>(elements * model.x_channels - 1));
  }
  REQUIRE_USER_ERROR(load({3, 5, 1}, draws), says("sets of up to 4 elements") && says("fewer elements"));
  REQUIRE_USER_ERROR(load({3, 2, 2}, draws), says("[rows, elements, 1]"));
  REQUIRE_USER_ERROR(load({3, 1}, draws), says("may be one set or many"));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> empty{1, nan, nan, nan};
  io::save_arrays(scratch.path("x.npy"), {{"array", io::Array::from(std::span(empty), {2, 2, 1})}});
  REQUIRE_USER_ERROR(load_observations(scratch.path("x.npy"), draws, {}),
                     says("row 1") && says("all elements"));
}
