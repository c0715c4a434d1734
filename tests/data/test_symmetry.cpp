// Symmetries of simulations: their words, their forms, and what rows say for and against them.
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/simulated_rows.hpp"
#include "data/symmetry/find_symmetries.hpp"
#include "data/symmetry/symmetric_rows.hpp"
#include "data/symmetry/symmetry_test.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;
using test::measurements;
using test::names_of;
using test::says;
using test::simulated;
using test::source_of;
using test::symmetries_in;

namespace {

std::vector<double> form_of(const data::SignedPermutation& form, const std::vector<double>& row) {
  std::vector<double> out(row.size());
  form.apply(row, out);
  return out;
}

std::string found_in_task(const std::string& task, int64_t simulations, uint64_t seed = 1) {
  data::DataOptions options;
  options.task = task;
  options.simulations = simulations;
  return symmetries_in("auto", *data::open_dataset(options, seed).rows).text;
}

}  // namespace

TEST_CASE("symmetries are read and written in the words of the config", "[data][symmetry]") {
  const auto names = names_of(3, 4);
  const auto all = data::parse_symmetries("exchange x_0 x_1, x_2 x_3;negate theta_2", names);
  REQUIRE(all.size() == 2);
  CHECK(all[0].text(names) == "exchange x_0 x_1, x_2 x_3");
  CHECK(all[1].text(names) == "negate theta_2");
  CHECK(data::parse_symmetries("shift x_0 -x_2 theta_1", names)[0].text(names) == "shift theta_1 x_0 -x_2");
  CHECK(data::parse_symmetries("shift -theta_1 x_0", names)[0].text(names) == "shift theta_1 -x_0");
  const auto mirrored = data::parse_symmetries("exchange theta_0, theta_1 and negate x_1 x_3", names);
  CHECK(mirrored[0].text(names) == "exchange theta_0, theta_1 and negate x_1 x_3");
  const auto mirror = mirrored[0].generators(3, 4);
  REQUIRE(mirror.size() == 1);
  CHECK(form_of(mirror[0].theta, {1, 2, 3}) == std::vector<double>{2, 1, 3});
  CHECK(form_of(mirror[0].x, {1, 2, 3, 4}) == std::vector<double>{1, -2, 3, -4});
  CHECK(data::row_forms(mirrored, 3, 4, 9).size() == 2);
  CHECK(data::without_shifts("negate theta_2;shift theta_0 x_0; exchange x_1, x_2") ==
        "negate theta_2; exchange x_1, x_2");
  CHECK(data::without_shifts(" shift theta_0 x_0") == "none");
  CHECK_FALSE(data::without_shifts("negate theta_2;").has_value());
  const auto many = names_of(0, 6);
  CHECK(data::parse_symmetries("exchange x_0, x_1, x_2, x_3, x_4, x_5", many)[0].brief(many) ==
        "exchange x_0, x_1, ..., x_5");
  CHECK(data::parse_symmetries("exchange theta_0, -theta_1", names)[0].text(names) ==
        "exchange theta_0, -theta_1");

  // Names that cannot stand between blanks and commas, or that stand twice, are written as numbers.
  const data::RowNames odd{{"mass a", "b,c", "-d", "e", "x#0"}, {"e", "f"}};
  const auto back = [&](const std::string& text) { return data::parse_symmetries(text, odd)[0].text(odd); };
  CHECK(back("exchange theta#0, -theta#1, theta#2") == "exchange theta#0, -theta#1, theta#2");
  CHECK(back("exchange e, x#0") == "exchange e, x#0");  // a name comes before a number: theta's last
  CHECK(data::parse_symmetries("exchange e, x#0", odd)[0].blocks[1][0].index == 4);
  CHECK(data::parse_symmetries("exchange theta#0, theta#1", odd)[0].brief(odd) == "exchange mass a, b,c");

  const auto refused = [&](const std::string& text, const std::string& why) {
    REQUIRE_USER_ERROR(data::parse_symmetries(text, names), says("data.symmetries") && says(why));
  };
  refused("swap x_0, x_1", "exchange, negate or shift");
  refused("exchange x_0, x_9", "'x_9'");
  refused("exchange x_0", "two groups");
  refused("exchange x_0 x_1, x_2", "2 and 1 variables");
  refused("exchange x_0 x_1, x_1 x_2", "twice");
  refused("exchange theta_0, x_0", "once of theta and once of x");
  refused("negate theta_0, theta_1", "no commas");
  refused("negate", "name the variables");
  refused("exchange x_0, x_1, x_2 and negate theta_0", "two groups alone");
  refused("exchange x_0, x_1 and negate x_1", "twice");
  refused("exchange x_0, x_1 and negate ", "whose signs change");
  refused("shift theta_0", "one parameter and the values of x");
  refused("shift x_0 x_1", "one parameter and the values of x");
  refused("shift theta_0 theta_1 x_0", "one parameter and the values of x");
  refused("shift theta_0, x_0", "no commas");
  refused("exchange x_0, , x_1", "names no variable");
  refused(" ; ", "is empty");
}

TEST_CASE("the forms of a row are all that its symmetries make", "[data][symmetry]") {
  const auto names = names_of(3, 8);
  const auto all =
      data::parse_symmetries("exchange x_0 x_1, x_2 x_3, x_4 x_5, x_6 x_7; negate theta_2", names);
  const auto forms = data::row_forms(all, 3, 8, 1000);
  REQUIRE(forms.size() == 48);  // 4! orders, two signs
  CHECK(std::set<data::RowForm>(forms.begin(), forms.end()).size() == 48);
  CHECK(forms[0].x == data::SignedPermutation::identity(8));
  for (const auto& form : forms) {
    const auto x = form_of(form.x, {0, 1, 2, 3, 4, 5, 6, 7}), theta = form_of(form.theta, {1, 2, 3});
    for (size_t i = 0; i < 8; i += 2) CHECK(x[i + 1] == x[i] + 1);  // pairs stay together
    CHECK(theta[0] == 1);
    CHECK(std::abs(theta[2]) == 3);
  }
  CHECK(data::row_forms(all, 3, 8, 5).size() == 5);

  const auto swap = data::parse_symmetries("exchange theta_0, -theta_1", names);
  CHECK(form_of(data::row_forms(swap, 3, 8, 9).back().theta, {1, 2, 3}) == std::vector<double>{-2, -1, 3});
}

TEST_CASE("rows are read in any of their forms and in any order", "[data][symmetry]") {
  const auto rows = source_of({1, 2, {10, 1, 2, 20, 3, 4, 30, 5, 6}});
  const auto forms = data::row_forms(data::parse_symmetries("exchange x_0, -x_1", names_of(1, 2)), 1, 2, 2);
  const auto all = data::symmetric_rows(*rows, {forms, {}, {}});
  REQUIRE(all->rows() == 6);
  std::vector<double> x(6), theta(3);
  data::read_rows(all->x(), std::vector<int64_t>{4, 0, 5}, x);
  data::read_rows(all->theta(), std::vector<int64_t>{4, 0, 5}, theta);
  CHECK(x == std::vector<double>{-4, -3, 1, 2, -6, -5});
  CHECK(theta == std::vector<double>{20, 10, 30});
}

TEST_CASE("the symmetries of the built-in tasks are found, and no others", "[data][symmetry]") {
  // A quarter suffices here, too; what decides about faults that are harder to see is tested below.
  const int64_t several = test::unless_sanitized(4000, 1000), few = test::unless_sanitized(2000, 500);
  // slcp: four independent draws of a normal, in whose covariance theta_2 and theta_3 are squared; theta_4 is
  // the sign of the correlation, which mirrors one coordinate; the coordinates may change places with theirs.
  const std::string slcp = found_in_task("slcp", several);
  CHECK_THAT(slcp, says("exchange x_0 x_1, x_2 x_3, x_4 x_5, x_6 x_7; negate theta_2; negate theta_3; "));
  CHECK_THAT(slcp, says("; exchange theta_0 theta_2 x_0 x_2 x_4 x_6, theta_1 theta_3 x_1 x_3 x_5 x_7"));
  CHECK(slcp.ends_with("; shift theta_0 x_0 x_2 x_4 x_6; shift theta_1 x_1 x_3 x_5 x_7"));
  const auto forms = data::row_forms(data::parse_symmetries(slcp, names_of(5, 8)), 5, 8, 2000);
  CHECK(forms.size() == 24 * 4 * 4 * 2);
  // |theta_0 + theta_1|, and the moon is the same above and below.
  CHECK(found_in_task("two_moons", several) == "exchange theta_0, -theta_1; negate theta_0 theta_1 x_1");
  CHECK(found_in_task("gaussian_mixture", few) ==
        "exchange theta_0 x_0, theta_1 x_1; negate theta_0 x_0; "
        "shift theta_0 x_0; shift theta_1 x_1");
  const std::string linear = found_in_task("gaussian_linear", few);  // each parameter is measured by itself
  CHECK(linear.starts_with("exchange theta_0 x_0, theta_1 x_1, "));
  CHECK_THAT(linear, says("theta_9 x_9; negate theta_0 x_0; shift theta_0 x_0; "));
  CHECK(linear.ends_with("; shift theta_9 x_9"));
  CHECK(found_in_task("bernoulli_glm", few).empty());
}

TEST_CASE("what holds is rarely refused, and what does not hold is never taken", "[data][symmetry]") {
  int taken = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto repeated = source_of(simulated(1, 3, 1000, seed, measurements({0.5, 0.5, 0.5})));
    taken += symmetries_in("auto", *repeated).text ==
             "exchange x_0, x_1, x_2; negate theta_0 x_0 x_1 x_2; shift theta_0 x_0 x_1 x_2";
    // The third one is noisier. With a width of 0.67 a thousand rows do not tell, and posteriors lose 3 % of width.
    const auto unequal = source_of(simulated(1, 3, 1000, seed, measurements({0.5, 0.5, 0.8})));
    CHECK_THAT(symmetries_in("auto", *unequal).text, !says("exchange") || says("exchange x_0, x_1;"));
  }
  // An exchange that holds is refused about once in a thousand times.
  CHECK(taken >= 11);
}

TEST_CASE("parts of x that stand in no order, with other values beside them, change places",
          "[data][symmetry]") {
  // Two measured quantities, three times, whose errors belong together, and one that was measured once.
  const std::array<size_t, 7> places{6, 2, 0, 3, 5, 1, 4};
  const auto scattered = [&](core::Philox& random) {
    std::vector<double> row(9);
    row[0] = random.normal();
    row[1] = random.normal();
    for (size_t part = 0; part < 3; ++part) {
      const double error = random.normal();
      row[2 + places[2 * part]] = row[0] + error;
      row[2 + places[2 * part + 1]] = row[1] + 0.7 * error + 0.5 * random.normal();
    }
    row[2 + places[6]] = row[0] + 0.3 * random.normal();
    return row;
  };
  CHECK_THAT(symmetries_in("auto", *source_of(simulated(2, 7, 1000, 1, scattered))).text,
             says("exchange x_0 x_3, x_5 x_1, x_6 x_2"));

  // Four measurements of one quantity, between values of another.
  const auto between = [](core::Philox& random) {
    std::vector<double> row{random.normal(), random.normal()};
    for (int k = 0; k < 5; ++k) row.push_back(row[k == 2] + random.normal());
    return row;
  };
  CHECK_THAT(symmetries_in("auto", *source_of(simulated(2, 5, 1000, 1, between))).text,
             says("exchange x_0, x_1, x_3, x_4"));
}

TEST_CASE("columns that hold one value each change places only where it is the same", "[data][symmetry]") {
  const auto constants = [](double first, double second) {
    return source_of(simulated(1, 3, 600, 1, [=](core::Philox& random) {
      const double theta = random.normal();
      return std::vector<double>{theta, theta + random.normal(), first, second};
    }));
  };
  CHECK_NOTHROW(symmetries_in("exchange x_1, x_2", *constants(7, 7)));
  REQUIRE_USER_ERROR(symmetries_in("exchange x_1, x_2", *constants(4, 7)), says("does not hold"));
}

TEST_CASE("neighbours of a series may not change places", "[data][symmetry]") {
  const auto series = [](core::Philox& random) {
    std::vector<double> row{2 * random.uniform() - 1};
    double value = random.normal() / std::sqrt(1 - 0.49 * row[0] * row[0]);
    for (int i = 0; i < 6; ++i) {
      row.push_back(value);
      value = 0.7 * row[0] * value + random.normal();
    }
    return row;
  };
  // The other sign of every second value is the other sign of theta, and time may run backwards.
  const std::string found = symmetries_in("auto", *source_of(simulated(1, 6, 4000, 3, series))).text;
  const auto forms = data::row_forms(data::parse_symmetries(found, names_of(1, 6)), 1, 6, 100);
  CHECK(forms.size() == 8);
  for (const data::RowForm& form : forms) {
    const auto x = form_of(form.x, {1, 2, 3, 4, 5, 6});
    CHECK(std::abs(std::abs(x[2]) - std::abs(x[3])) == 1);
    CHECK((std::abs(x[0]) == 1 || std::abs(x[0]) == 6));
    const double neighbours = x[0] * x[1];
    CHECK((form.theta.sign[0] > 0) == (neighbours > 0));
  }
}

TEST_CASE("dependences that are spread over many values count together", "[data][symmetry]") {
  // Each x_k has a correlation of .06 with theta_0: none stands out among a thousand statistics.
  const auto spread = [](core::Philox& random) {
    std::vector<double> row{random.normal()};
    for (int k = 0; k < 20; ++k) row.push_back(0.06 * row[0] + random.normal());
    return row;
  };
  for (const uint64_t seed : {1, 2, 3, 4}) {
    const data::SymmetryTest test(simulated(1, 20, 4000, seed, spread));
    const auto negated = data::parse_symmetries("negate theta_0", names_of(1, 20))[0].generators(1, 20);
    CHECK(test.judge(negated[0], 0.01).direction > 4);
  }
}

TEST_CASE("a named symmetry that the rows contradict is an error", "[data][symmetry]") {
  const auto rows = source_of(simulated(1, 2, 2000, 1, measurements({0.5, 0.5})));
  CHECK(symmetries_in("exchange x_0, x_1; negate theta_0 x_0 x_1", *rows).forms.size() == 4);
  REQUIRE_USER_ERROR(symmetries_in("negate theta_0", *rows),
                     says("'negate theta_0' does not hold") && says("leave it out"));
  CHECK(symmetries_in("none", *rows).forms.empty());
}

TEST_CASE("which values are missing must be as symmetric as the values", "[data][symmetry]") {
  const data::JudgedRows whole = simulated(1, 3, 1000, 1, measurements({0.5, 0.5, 0.5}));
  core::Philox random(2, core::Purpose::test);
  const auto found = [&](const auto& is_missing) {
    data::JudgedRows rows = whole;
    for (size_t row = 0; row < 1000; ++row) {
      for (size_t i = 1; i < 4; ++i) {
        if (is_missing(whole.values[4 * row], i)) rows.values[4 * row + i] = std::nan("");
      }
    }
    return symmetries_in("auto", *source_of(rows), /*missing=*/true).text;
  };
  const std::string exchange = "exchange x_0, x_1, x_2";
  CHECK(found([&](double, size_t) { return random.uniform() < 0.2; }) == exchange);
  CHECK(found([&](double, size_t i) { return i == 2 && random.uniform() < 0.1; }) == "exchange x_0, x_2");
  // As often in each place, but in the second where theta is large.
  CHECK(found([&](double theta, size_t i) { return i == 2 ? theta > 1 : random.uniform() < 0.16; }) ==
        "exchange x_0, x_2");
}

TEST_CASE("a symmetry is not looked for in few rows or among many values", "[data][symmetry]") {
  CHECK(symmetries_in("auto", *source_of(simulated(1, 3, 499, 1, measurements({1, 1, 1})))).forms.empty());
  CHECK(symmetries_in("auto", *source_of(simulated(1, 24, 600, 1, measurements(std::vector<double>(24, 1)))))
            .forms.empty());
}

TEST_CASE("signs and places that change together are found, and no others", "[data][symmetry]") {
  // A dipole at (theta_0, theta_1) in a plane, seen by two coordinates that theta_2 turns against each other.
  const auto dipole = [](double asymmetry) {
    return [asymmetry](core::Philox& random) {
      std::vector<double> row;
      for (int i = 0; i < 3; ++i) row.push_back(2 * random.uniform() - 1);
      const double a = random.normal(), b = random.normal(), turn = 0.9 * row[2];
      row.push_back(2 * row[0] + a + asymmetry * a * a);
      row.push_back(2 * row[1] + turn * a + std::sqrt(1 - turn * turn) * b);
      return row;
    };
  };
  const auto group_of = [&](double asymmetry, uint64_t seed) {
    const std::string text =
        symmetries_in("auto", *source_of(simulated(3, 2, 4000, seed, dipole(asymmetry)))).text;
    const std::string named = data::without_shifts(text).value_or(text);
    return text.empty() || named == "none"
               ? std::vector<data::RowForm>{}
               : data::row_forms(data::parse_symmetries(named, names_of(3, 2)), 3, 2, 100);
  };
  const std::vector<double> theta{1, 2, 3}, x{4, 5};
  for (const uint64_t seed : {1, 2, 3}) {
    const auto forms = group_of(0, seed);
    CHECK(forms.size() == 8);  // either coordinate's sign with theta_2's, and their exchange
    for (const data::RowForm& form : forms) {
      const auto t = form_of(form.theta, theta), y = form_of(form.x, x);
      CHECK(t[0] * y[0] > 0);
      CHECK(t[1] * y[1] > 0);
      CHECK(t[2] * y[0] * y[1] > 0);
      CHECK((std::abs(t[0]) == 1) == (std::abs(y[0]) == 4));
    }
    // Skewed noise in one coordinate: its sign must stay, and the coordinates their places.
    for (const data::RowForm& form : group_of(0.3, seed)) {
      CHECK(form_of(form.x, x)[0] == 4);
      CHECK(form_of(form.theta, theta)[0] == 1);
    }
  }
}
