// Files that name their columns are read by these names.
#include <catch2/catch_test_macros.hpp>

#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/files/column_order.hpp"
#include "data/files/observations.hpp"
#include "data/files/parameters.hpp"
#include "data/files/theta_rows.hpp"
#include "data/scratch.hpp"
#include "data/simulate/simulation_file.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using test::says;
using test::Scratch;

namespace {

using Names = std::vector<std::string>;
using Values = std::vector<double>;

const data::DataShape two_by_two{2, 1, 2, 1, {}, {}};

io::Array text_array(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {io::DType::u8, {std::ssize(bytes)}, {bytes.begin(), bytes.end()}};
}

/// As `fluxsbi sample` writes one observation x with two draws of theta, in the order b, a.
std::string save_samples(const Scratch& scratch, const std::string& name) {
  const Values draws{20, 1, 21, 2}, x{6, 5};
  const std::string path = scratch.path(name);
  io::save_arrays(path, {{"samples", io::Array::from(std::span<const double>(draws), {1, 2, 2})},
                         {"x", io::Array::from(std::span<const double>(x), {1, 2})},
                         {"meta", text_array(R"({"theta_names": ["b", "a"], "x_names": ["y", "x"]})")}});
  return path;
}

}  // namespace

TEST_CASE("draws and observations of another model are found by name", "[data][column_order]") {
  const Scratch scratch;
  for (const std::string name : {"s.npz", "s.h5"}) {
    const std::string path = save_samples(scratch, name);
    INFO(path);
    CHECK(data::load_parameters(path, two_by_two, {"a", "b"}).theta == Values{1, 20, 2, 21});
    CHECK(data::load_parameters(path, two_by_two, {"b", "a"}).theta == Values{20, 1, 21, 2});
    CHECK(data::load_observations(path, two_by_two, {"x", "y"}).x == Values{5, 6});
    // Files that would stay in place are read in the same order.
    const data::ParameterRows rows(path, two_by_two, {"a", "b"}, 0);
    Values second(2);
    rows.read(1, 1, second);
    CHECK(second == Values{2, 21});
    CHECK(rows.draws() == 2);
  }
}

TEST_CASE("a model of some of a file's variables takes these", "[data][column_order]") {
  const Scratch scratch;
  const std::string path = save_samples(scratch, "s.npz");
  const data::DataShape one{1, 1, 1, 1, {}, {}};
  CHECK(data::load_parameters(path, one, {"a"}).theta == Values{1, 2});
  CHECK(data::load_observations(path, one, {"y"}).x == Values{6});
}

TEST_CASE("numbered columns are taken as they stand, other names are refused", "[data][column_order]") {
  const Scratch scratch;
  const std::string path = save_samples(scratch, "s.npz");
  CHECK(data::load_parameters(path, two_by_two, {}).theta == Values{20, 1, 21, 2});
  REQUIRE_USER_ERROR(data::load_parameters(path, two_by_two, {"a", "c"}),
                     says("the columns of samples are b, a, asked for are a, c"));
  REQUIRE_USER_ERROR(data::load_observations(path, two_by_two, {"x", "z"}),
                     says("the columns of x are y, x, asked for are x, z"));
}

TEST_CASE("numbered variables of another choice are not taken for the first ones", "[data][column_order]") {
  const Scratch scratch;
  const Values x{6, 5};
  const std::string path = scratch.path("seen.npz");
  io::save_arrays(path, {{"x", io::Array::from(std::span<const double>(x), {1, 2})},
                         {"meta", text_array(R"({"theta_names": ["a"], "x_names": ["x_1", "x_3"]})")}});
  REQUIRE_USER_ERROR(data::load_observations(path, two_by_two, {}),
                     says("the columns of x are x_1, x_3, asked for are x_0, x_1"));
}

TEST_CASE("columns of several channels move together", "[data][column_order]") {
  const std::vector<float> values{0, 1, 2, 3, 4, 5};
  const io::Array array = io::Array::from(std::span<const float>(values), {1, 3, 2});
  const io::Array ordered = data::in_order(array, {{2, 0}, 3}, 2);
  CHECK(ordered.shape == std::vector<int64_t>{1, 2, 2});
  CHECK(ordered.to_double() == Values{4, 5, 0, 1});
}

namespace {

/// Two simulations of theta (b, a) and x (y, x), as `simulate` writes them.
std::string save_named(const Scratch& scratch, const std::string& name) {
  data::Simulations all{2, 2, 2, {20, 1, 21, 2}, {6, 5, 8, 7}, {0, 0}};
  const std::string path = scratch.path(name);
  data::save_simulations(path, all, true, {"b", "a"}, {"y", "x"});
  return path;
}

}  // namespace

TEST_CASE("simulations carry their names, by which every reader finds the columns", "[data][column_order]") {
  const Scratch scratch;
  for (const std::string name : {"s.npz", "s.h5"}) {
    const std::string path = save_named(scratch, name);
    INFO(path);
    CHECK(data::names_of_columns(path, "theta") == Names{"b", "a"});
    CHECK(data::load_observations(path, two_by_two, {"x", "y"}).x == Values{5, 6, 7, 8});
    CHECK(data::load_parameters(path, two_by_two, {"a", "b"}).theta == Values{1, 20, 2, 21});
    CHECK(data::load_theta_rows(path, 2, {"a", "b"}).theta == Values{1, 20, 2, 21});
    CHECK(data::load_theta_rows(path, 2, {}).theta == Values{20, 1, 21, 2});
    REQUIRE_USER_ERROR(data::load_theta_rows(path, 2, {"a", "c"}), says("has the columns b, a"));
    data::DataOptions options;
    options.file = path;
    for (const double memory_gb : {4.0, 0.0}) {
      options.memory_gb = memory_gb;
      options.theta_names = options.x_names = {};
      data::resolve(options, "per_feature");
      CHECK(data::open_dataset(options, 0).theta_names == Names{"b", "a"});
      options.theta_names = {"a", "b"};
      options.x_names = {"x"};  // some of the file's values
      const auto dataset = data::open_dataset(options, 0);
      CHECK(dataset.shape.x_dim == 1);
      CHECK(data::dataset_shape(options).x_dim == 1);
      CHECK(dataset.theta_names == Names{"a", "b"});
      Values theta(4), x(2);
      dataset.rows->theta().read(0, 2, theta);
      dataset.rows->x().read(0, 2, x);
      CHECK(theta == Values{1, 20, 2, 21});
      CHECK(x == Values{5, 7});
    }
    options.theta_names = {"a", "c"};
    REQUIRE_USER_ERROR(data::open_dataset(options, 0),
                       says("the columns of theta are b, a, asked for are a, c"));
  }
}

TEST_CASE("names that are quoted in JSON come back", "[data][column_order]") {
  const Names names{"a \"b\"", "c\\d", "tab\there", "\xCE\xB8[1]"};
  CHECK(data::names_in_meta(data::meta_of_names(names, {}), "m", {"theta_names"}) == names);
}
