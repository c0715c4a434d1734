#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "method/assignment.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Approx;

namespace {

using Permutation = std::vector<int64_t>;

double sum_of(const std::vector<double>& cost, const Permutation& p) {
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += cost[i * p.size() + static_cast<size_t>(p[i])];
  return sum;
}

double lowest_of_all(const std::vector<double>& cost, int64_t n) {
  Permutation p(static_cast<size_t>(n));
  std::iota(p.begin(), p.end(), int64_t{0});
  double lowest = std::numeric_limits<double>::infinity();
  do {
    lowest = std::min(lowest, sum_of(cost, p));
  } while (std::next_permutation(p.begin(), p.end()));
  return lowest;
}

bool is_permutation(Permutation p) {
  std::sort(p.begin(), p.end());
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

std::vector<double> normal(int64_t n, uint64_t stream) {
  core::Philox random(5, core::Purpose::test, stream);
  std::vector<double> values(static_cast<size_t>(n));
  for (double& value : values) value = random.normal();
  return values;
}

}  // namespace

TEST_CASE("an assignment costs as little as the best of all permutations", "[method][assignment]") {
  const int64_t n = GENERATE(1, 2, 3, 5, 7);
  for (uint64_t stream = 0; stream < 40; ++stream) {
    std::vector<double> cost = normal(n * n, stream);
    if (stream % 2 == 0) {  // whole numbers: many permutations cost the same
      for (double& c : cost) c = std::round(2 * c);
    }
    const Permutation p = method::assign(cost, n);
    REQUIRE(is_permutation(p));
    CHECK(sum_of(cost, p) == Approx(lowest_of_all(cost, n)).margin(1e-12));
  }
}

TEST_CASE("points of a line are assigned in their order", "[method][assignment]") {
  const int64_t n = GENERATE(40, 300);
  const auto a = normal(n, 1), b = normal(n, 2);
  std::vector<double> cost;
  for (const double x : a) {
    for (const double y : b) cost.push_back((x - y) * (x - y));
  }
  const Permutation p = method::assign(cost, n);
  REQUIRE(is_permutation(p));
  Permutation rows(p.size());
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::sort(rows.begin(), rows.end(), [&](int64_t i, int64_t j) { return a[i] < a[j]; });
  for (size_t k = 1; k < rows.size(); ++k) {
    CHECK(b[static_cast<size_t>(p[rows[k - 1]])] < b[static_cast<size_t>(p[rows[k]])]);
  }
}

TEST_CASE("what is added to a row or a column leaves the assignment as it is", "[method][assignment]") {
  const int64_t n = 60;
  const auto cost = normal(n * n, 3), rows = normal(n, 4), columns = normal(n, 5);
  auto shifted = cost;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) shifted[i * n + j] += 100 * (rows[i] + columns[j]);
  }
  CHECK(method::assign(shifted, n) == method::assign(cost, n));
}

TEST_CASE("equal costs everywhere give a permutation", "[method][assignment]") {
  CHECK(is_permutation(method::assign(std::vector<double>(50 * 50, 2.5), 50)));
}

TEST_CASE("a cost that is not finite is refused", "[method][assignment]") {
  std::vector<double> cost(9, 1);
  cost[4] = GENERATE(std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(method::assign(cost, 3), core::UserError);
}
