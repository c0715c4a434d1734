#include <algorithm>
#include <set>

#include <catch2/catch_test_macros.hpp>

#include "data/data_options.hpp"
#include "data/dataset.hpp"
#include "data/errors.hpp"
#include "data/split.hpp"

using namespace fluxsbi;
using data::DataOptions;
using data::split_rows;
using test::says;

TEST_CASE("the splits are disjoint, sorted, cover all rows and have the asked sizes", "[data][split]") {
  DataOptions options;
  options.validation_fraction = 0.2;
  for (const int64_t rows : {2, 3, 10, 1001}) {
    CAPTURE(rows);
    const auto split = split_rows(rows, options, 5);
    const auto training = split.training.all();
    REQUIRE(std::is_sorted(training.begin(), training.end()));
    REQUIRE(std::is_sorted(split.validation.begin(), split.validation.end()));
    std::set<int64_t> all(training.begin(), training.end());
    all.insert(split.validation.begin(), split.validation.end());
    REQUIRE(std::ssize(all) == rows);
    REQUIRE(*all.begin() == 0);
    REQUIRE(*all.rbegin() == rows - 1);
    REQUIRE(split.training.size() + std::ssize(split.validation) == rows);
    REQUIRE(std::ssize(split.validation) == std::max<int64_t>(1, (2 * rows + 5) / 10));
  }
}

TEST_CASE("both splits keep a row and validation keeps its cap", "[data][split]") {
  DataOptions options;
  options.validation_fraction = 0;
  REQUIRE(split_rows(100, options, 1).validation.size() == 1);
  options.validation_fraction = 0.999;
  REQUIRE(split_rows(10, options, 1).training.size() == 1);
  options.max_validation = 7;
  REQUIRE(split_rows(1000, options, 1).validation.size() == 7);
  REQUIRE_USER_ERROR(split_rows(1, options, 1), says("at least 2 rows"));
}

TEST_CASE("the split depends on the seed, and every row validates equally often", "[data][split]") {
  DataOptions options;
  options.validation_fraction = 0.3;
  REQUIRE(split_rows(50, options, 1).validation == split_rows(50, options, 1).validation);
  REQUIRE(split_rows(50, options, 1).validation != split_rows(50, options, 2).validation);
  constexpr int64_t rows = 10, seeds = 4000;
  std::vector<int> counts(rows);
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    for (const int64_t row : split_rows(rows, options, seed).validation) ++counts[static_cast<size_t>(row)];
  }
  constexpr double expected = 0.3 * seeds, error = 5 * 28.98;  // binomial sd sqrt(4000 0.3 0.7), five of them
  for (const int count : counts) REQUIRE(std::abs(count - expected) < error);
}

TEST_CASE("the folds of one seed validate by rows of which no two share one", "[data][split]") {
  DataOptions options;
  options.validation_fraction = 0.13;
  constexpr int64_t rows = 200, folds = 5, each = 26;
  std::set<int64_t> all;
  const auto held_out = split_rows(rows, options, 9, {0, folds}).validation;
  for (int64_t number = 0; number <= folds; ++number) {
    const auto split = split_rows(rows, options, 9, {number, folds});
    REQUIRE(std::ssize(split.validation) == each);
    REQUIRE(std::is_sorted(split.validation.begin(), split.validation.end()));
    REQUIRE(split.training.size() == rows - (number == 0 ? 1 : 2) * each);
    for (int64_t place = 0; place < split.training.size(); ++place)  // none that no member sees
      REQUIRE(!std::binary_search(held_out.begin(), held_out.end(), split.training[place]));
    for (const int64_t row : split.validation) REQUIRE((row >= 0 && row < rows));
    all.insert(split.validation.begin(), split.validation.end());
  }
  REQUIRE(std::ssize(all) == (folds + 1) * each);
  REQUIRE(split_rows(rows, options, 9, {1, folds}).validation !=
          split_rows(rows, options, 10, {1, folds}).validation);
}

TEST_CASE("folds leave as many rows again to train on, and need a row each", "[data][split]") {
  DataOptions options;
  options.validation_fraction = 0.5;
  std::set<int64_t> all;
  for (int64_t number = 0; number <= 3; ++number) {
    const auto split = split_rows(16, options, 2, {number, 3});
    REQUIRE(std::ssize(split.validation) == 3);
    all.insert(split.validation.begin(), split.validation.end());
  }
  REQUIRE(std::ssize(all) == 12);
  REQUIRE(split_rows(7, options, 2, {5, 5}).training.size() == 5);
  REQUIRE_USER_ERROR(split_rows(6, options, 2, {0, 5}), says("needs at least 7 rows"));
  REQUIRE_USER_ERROR(split_rows(6, options, 2, {0, 5}), says("lower training.ensemble"));
}
