#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "data/errors.hpp"
#include "data/files/given.hpp"
#include "data/scratch.hpp"
#include "io/files.hpp"

using namespace fluxsbi;
using data::DataShape;
using data::Given;
using test::says;
using test::Scratch;

namespace {

const DataShape shape{2, 1, 3, 1, {}, {}}, pairs{1, 2, 1, 2, {}, {}};
const std::vector<std::string> theta{"mass", "spin"}, x{"x_0", "x_1", "x_2"};

Given load_cells(const std::string& path, const data::Prior* prior = nullptr) {
  return data::load_given(path, shape, theta, x, prior);
}

// NaN equals NaN.
bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double v, double w) { return v == w || (std::isnan(v) && std::isnan(w)); });
}

constexpr double blank = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("filled cells are the condition and blank ones the question, row by row", "[data][given]") {
  const Scratch scratch;
  const auto given =
      load_cells(scratch.write("a.csv", "x_2,mass,x_0,spin,x_1\n3,,1,,2\n,0.5,,-1e2,\n,,,,\n"));
  CHECK(given.rows == 3);
  CHECK(given.absent.empty());
  CHECK(same(given.values,
             {blank, blank, 1, 2, 3, 0.5f, -100, blank, blank, blank, blank, blank, blank, blank, blank}));
}

TEST_CASE("blanks are empty, NA or NaN in any case, quoted or with spaces", "[data][given]") {
  const Scratch scratch;
  const auto given =
      load_cells(scratch.write("a.csv", "mass,spin,x_0,x_1,x_2\nNA,na,NaN, nan ,\"\"\nNAN, 2,\"3\",Na,\n"));
  CHECK(same(given.values, {blank, blank, blank, blank, blank, blank, 2, 3, blank, blank}));
}

TEST_CASE("questions come from arrays, too", "[data][given]") {
  const Scratch scratch;
  const std::vector<double> mass_spin{1, blank, blank, 0.5}, data{1, blank, 3, 4, 5, 6};
  const std::vector<double> both{1, blank, 1, blank, 3, blank, 0.5, 4, 5, 6};
  const auto array = [](const std::vector<double>& values, std::vector<int64_t> dims) {
    return io::Array::from(std::span<const double>(values), std::move(dims));
  };
  io::save_arrays(scratch.path("a.npz"), {{"theta", array(mass_spin, {2, 2})}, {"x", array(data, {2, 3})}});
  CHECK(same(load_cells(scratch.path("a.npz")).values, both));
  // What `fluxsbi sample --given` wrote.
  io::save_arrays(scratch.path("b.h5"),
                  {{"given", array(both, {2, 5})}, {"samples", array(both, {2, 1, 5})}});
  CHECK(same(load_cells(scratch.path("b.h5")).values, both));
  io::save_arrays(scratch.path("c.npy"), {{"array", array(both, {2, 5})}});
  CHECK(same(load_cells(scratch.path("c.npy")).values, both));
  io::save_arrays(scratch.path("x.npz"), {{"x", array(data, {2, 3})}});
  const auto given = load_cells(scratch.path("x.npz"));
  CHECK(same(given.values, {blank, blank, 1, blank, 3, blank, blank, 4, 5, 6}));
  CHECK(given.absent == std::vector<std::string>{"mass", "spin"});
  io::save_arrays(scratch.path("d.npz"), {{"theta", array({1, blank}, {1, 2})}, {"x", array(data, {2, 3})}});
  REQUIRE_USER_ERROR(load_cells(scratch.path("d.npz")), says("theta has 1 rows and x 2"));
  io::save_arrays(scratch.path("e.npz"), {{"y", array({1}, {1})}});
  REQUIRE_USER_ERROR(load_cells(scratch.path("e.npz")), says("there are: y"));
  io::save_arrays(scratch.path("f.npz"), {{"x", array({1, 2}, {1, 2})}});
  REQUIRE_USER_ERROR(load_cells(scratch.path("f.npz")), says("[1, 2]"));
}

TEST_CASE("a column that is not in the file is inferred in all rows", "[data][given]") {
  const Scratch scratch;
  const auto given = load_cells(scratch.write("a.csv", "x_1\n5\n6\n"));
  CHECK(same(given.values, {blank, blank, blank, 5, blank, blank, blank, blank, 6, blank}));
  CHECK(given.absent == std::vector<std::string>{"mass", "spin", "x_0", "x_2"});
  // In a file of one column an empty line is a row.
  CHECK(same(load_cells(scratch.write("b.csv", "x_1\n\n")).values, {blank, blank, blank, blank, blank}));
}

TEST_CASE("several channels have a column each, and a token is given as a whole", "[data][given]") {
  const Scratch scratch;
  const auto path = scratch.write("a.csv", "x_0[1],theta_0[0],theta_0[1],x_0[0]\n4,,,3\n");
  const auto given = data::load_given(path, pairs, {"theta_0"}, {"x_0"}, nullptr);
  CHECK(same(given.values, {blank, blank, 3, 4}));
  REQUIRE_USER_ERROR(data::load_given(scratch.write("b.csv", "x_0[0],x_0[1]\n1,2\n1,\n"), pairs, {"theta_0"},
                                      {"x_0"}, nullptr),
                     says("row 1") && says("channels of x_0"));
}

TEST_CASE("what cannot be answered is refused, every mistake at once", "[data][given]") {
  const Scratch scratch;
  const auto write = [&](const std::string& text) { return scratch.write("bad.csv", text); };
  REQUIRE_USER_ERROR(load_cells(write("mas,x_0,y_7\n1,,\n")),
                     says("'mas' (did you mean 'mass'?)") && says("'y_7'"));
  REQUIRE_USER_ERROR(load_cells(write("mass,spin,x_0,x_1,x_2\n,1,1,1,1\n1,2,3,4,5\n5,4,3,2,1\n")),
                     says("row 1 ") && says("row 2 ") && says("nothing is left to infer") && !says("row 0"));
  REQUIRE_USER_ERROR(load_cells(write("mass,x_0\n,two\n")),
                     says("bad.csv:2: column 2 (x_0)") && says("'two'"));
  REQUIRE_USER_ERROR(load_cells(write("mass,x_0\n,1e76\n,inf\n")),
                     says("row 0") && says("row 1") && says("in x_0"));
  REQUIRE_USER_ERROR(load_cells(write("mass,x_0\n")), says("no rows"));
  REQUIRE_USER_ERROR(load_cells(scratch.write("a.mat", "mass\n1\n")), says(".csv"));
  REQUIRE_USER_ERROR(load_cells(scratch.write("a.txt", "1 2 3 4 5\n")), says("must name the columns"));
}

TEST_CASE("theta that is given outside the prior's support is refused by row, column and value",
          "[data][given]") {
  const Scratch scratch;
  const auto prior = data::make_prior({data::PriorKind::box, {-1, 0.7}, {1, 1.1}, {}, {}}, 2);
  const auto path = scratch.write("a.csv", "mass,spin,x_0\n,0.9,9\n1.5,,9\n,0.05,\n");
  REQUIRE_USER_ERROR(load_cells(path, prior.get()), says("row 1 (counted from 0) has mass = 1.5") &&
                                                        says("row 2 (counted from 0) has spin = 0.05") &&
                                                        !says("row 0"));
  CHECK(load_cells(path).rows == 3);
  // A bound itself is inside, although the nearest float32 is not.
  CHECK(load_cells(scratch.write("b.csv", "spin\n0.7\n1.1\n"), prior.get()).rows == 2);
}
