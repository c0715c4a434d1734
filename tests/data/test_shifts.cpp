// Shifts: parameters that only move values of x, and rows that move along.
#include <cmath>
#include <numeric>
#include <set>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/simulated_rows.hpp"
#include "data/symmetry/find_symmetries.hpp"
#include "data/symmetry/symmetric_rows.hpp"

using namespace fluxsbi;
using test::measurements;
using test::names_of;
using test::says;
using test::simulated;
using test::source_of;
using test::symmetries_in;

TEST_CASE("a parameter that only moves values of x is found, and no other", "[data][symmetry]") {
  const auto found = [](const auto& simulate, int64_t rows = 1000, uint64_t seed = 1) {
    const std::string text = symmetries_in("auto", *source_of(simulated(2, 2, rows, seed, simulate))).text;
    const size_t begin = text.find("shift");
    return begin == std::string::npos ? "" : text.substr(begin);
  };
  // theta_0 is the place of both; theta_1 is a width of the first, and drawn from (0.5, 1.5).
  const auto located = [](core::Philox& random) {
    const double place = 4 * random.uniform(), width = 0.5 + random.uniform();
    return std::vector<double>{place, width, place + 0.3 * width * random.normal(),
                               3 - place + 0.2 * random.normal()};
  };
  CHECK(found(located) == "shift theta_0 x_0 -x_1");

  int moved = 0, wider = 0, tied = 0, steep = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    moved += found(located, 1000, seed) == "shift theta_0 x_0 -x_1";
    // The noise grows with the place, from 0.3 to 0.6.
    wider += !found(
                  [&](core::Philox& random) {
                    std::vector<double> row = located(random);
                    row[2] = row[0] + 0.3 * (1 + row[0] / 4) * random.normal();
                    return row;
                  },
                  1000, seed)
                  .empty();
    // The prior ties the width to the place.
    tied += !found(
                 [&](core::Philox& random) {
                   std::vector<double> row = located(random);
                   row[1] = 0.5 + 0.1 * row[0] + 0.6 * random.uniform();
                   row[2] = row[0] + 0.3 * row[1] * random.normal();
                   return row;
                 },
                 1000, seed)
                 .empty();
    // x moves by a twentieth more than the parameter does.
    steep += !found(
                  [&](core::Philox& random) {
                    std::vector<double> row = located(random);
                    row[2] += 0.05 * row[0];
                    return row;
                  },
                  1000, seed)
                  .empty();
  }
  CHECK(moved >= 7);  // one that holds is refused about once in a thousand times
  CHECK(wider == 0);
  CHECK(tied == 0);
  CHECK(steep == 0);

  // Whole numbers, and numbers with an end on which many lie, have no other values in between or beyond.
  CHECK(found([&](core::Philox& random) {
          std::vector<double> row = located(random);
          row[2] = std::round(40 * random.uniform()) + std::round(row[0] = std::floor(10 * random.uniform()));
          row[3] = random.normal();
          return row;
        }).empty());
  CHECK(found([&](core::Philox& random) {
          std::vector<double> row = located(random);
          row[2] = std::max(row[2], 0.5);
          row[3] = random.normal();
          return row;
        }).empty());
}

TEST_CASE("rows move to where other rows' parameters are", "[data][symmetry]") {
  const auto rows = source_of({2, 2, {1, 10, 1.5, -1, 2, 20, 2.25, -2, 4, 40, 4.125, -4}});
  const auto symmetries = data::parse_symmetries("shift theta_0 x_0 -x_1; negate theta_1", names_of(2, 2));
  const auto forms = data::row_forms(symmetries, 2, 2, 9);
  REQUIRE(forms.size() == 2);  // shifts make no forms of a row alone
  std::vector<data::RowForm> many{forms[0], forms[1]};
  for (int k = 0; k < 30; ++k) many.push_back(forms[static_cast<size_t>(k) % 2]);
  // Row 1 validates: nobody takes its parameter.
  const auto all = data::symmetric_rows(*rows, {many, {data::shift_of(symmetries[0])}, {0, 2}});
  std::vector<double> theta(static_cast<size_t>(2 * all->rows())), x(theta.size());
  all->theta().read(0, all->rows(), theta);
  all->x().read(0, all->rows(), x);
  std::set<double> places;
  for (size_t i = 0; i < static_cast<size_t>(all->rows()); ++i) {
    const double noise[]{0.5, 0.25, 0.125}, other[]{10, 20, 40};
    CHECK(x[2 * i] == theta[2 * i] + noise[i % 3]);
    CHECK(x[2 * i + 1] == -theta[2 * i]);
    CHECK(std::abs(theta[2 * i + 1]) == other[i % 3]);
    if (i >= 3) places.insert(theta[2 * i]);
  }
  CHECK(theta[0] == 1);  // the first form is the row itself
  CHECK(theta[2] == 2);
  CHECK(places == std::set<double>{1, 4});
  // A row is the same however it is read.
  std::vector<double> one(2);
  data::read_rows(all->theta(), std::vector<int64_t>{77}, one);
  CHECK(one[0] == theta[154]);
}

TEST_CASE("a named shift is tried, too", "[data][symmetry]") {
  const auto rows = source_of(simulated(1, 2, 1000, 1, measurements({0.5, 0.5})));
  const auto chosen = symmetries_in("shift theta_0 x_0 x_1", *rows);
  REQUIRE(chosen.shifts.size() == 1);
  CHECK(chosen.forms.size() == 250);  // as many as make 250,000 rows
  REQUIRE_USER_ERROR(symmetries_in("shift theta_0 x_0", *rows), says("'shift theta_0 x_0' does not hold"));
  data::DataShape shape;
  shape.theta_dim = 1;
  shape.x_dim = 2;
  std::vector<int64_t> training(1000);
  std::iota(training.begin(), training.end(), int64_t{0});
  REQUIRE_USER_ERROR(
      data::choose_symmetries("shift theta_0 x_0 x_1", *rows, {shape, names_of(1, 2), training, {1, 0}}),
      says("x_1 cannot be moved") && says("data.transform_x"));
}

TEST_CASE("an exchange carries a shift to the one of its own values", "[data][symmetry]") {
  const auto names = names_of(2, 3);
  const auto read = [&](const std::string& text) { return data::parse_symmetries(text, names)[0]; };
  const auto carried = [&](const std::string& shift, const std::string& by) {
    return data::shift_of(read(shift)).carried(read(by).generators(2, 3)[0]);
  };
  CHECK(carried("shift theta_0 x_0 x_2", "exchange theta_0 x_0, theta_1 x_1") ==
        data::shift_of(read("shift theta_1 x_1 x_2")));
  CHECK(carried("shift theta_0 x_0", "exchange x_0, -x_1") == data::shift_of(read("shift theta_0 -x_1")));
  CHECK(carried("shift theta_0 x_0", "negate theta_0 x_0") == data::shift_of(read("shift theta_0 x_0")));
}
