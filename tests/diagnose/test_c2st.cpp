#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "diagnose/c2st.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Catch::Matchers::WithinAbs;

namespace {

// Of 6000 scored rows the accuracy has a standard error of 0.0065; folds share training rows, so a little
// more.
constexpr double null_tolerance = 0.02;

diagnose::SampleSet normal_set(int64_t rows, int64_t dimensions, uint64_t stream, double shift = 0,
                               double scale = 1) {
  core::Philox random(3, core::Purpose::test, stream);
  diagnose::SampleSet set{.name = "set" + std::to_string(stream), .rows = rows, .dimensions = dimensions};
  for (int64_t i = 0; i < rows * dimensions; ++i)
    set.values.push_back(static_cast<float>(scale * random.normal() + (i % dimensions == 0 ? shift : 0)));
  return set;
}

// The accuracy of the best possible classifier of N(0, 1) and N(shift, 1).
double best_accuracy(double shift) {
  return 0.5 * std::erfc(-shift / 2 / std::sqrt(2.0));
}

}  // namespace

TEST_CASE("c2st of two sets of one distribution is near one half", "[diagnose][c2st]") {
  const auto result = diagnose::c2st(normal_set(3000, 2, 1), normal_set(3000, 2, 2));
  CHECK_THAT(result.mean, WithinAbs(0.5, null_tolerance));
  CHECK(result.rows == 3000);
  CHECK(result.dimensions == 2);
  CHECK(result.accuracies.size() == 5);
  CHECK(result.epochs.size() == 5);
  CHECK(result.converged);
  CHECK_FALSE(result.cut_to_smaller);
  CHECK(result.duplicates == 0);
}

TEST_CASE("c2st of sets far apart is near one", "[diagnose][c2st]") {
  CHECK(diagnose::c2st(normal_set(500, 3, 1), normal_set(500, 3, 2, 8.0)).mean > 0.995);
}

TEST_CASE("c2st grows with a shift as the best classifier's accuracy does", "[diagnose][c2st]") {
  double before = 0;
  for (const double shift : {0.0, 0.5, 1.0, 2.0, 3.0}) {
    CAPTURE(shift);
    const double mean = diagnose::c2st(normal_set(2000, 2, 1), normal_set(2000, 2, 2, shift)).mean;
    CHECK_THAT(mean, WithinAbs(best_accuracy(shift), 0.025));  // standard error 0.008
    CHECK(mean > before);
    before = mean;
  }
}

TEST_CASE("c2st sees a difference of scale and not one of units", "[diagnose][c2st]") {
  const auto reference = normal_set(1000, 2, 1);
  auto samples = normal_set(1000, 2, 2, 0, 3);
  const double mean = diagnose::c2st(reference, samples).mean;
  CHECK(mean > 0.65);
  auto metres = reference, metres_samples = samples;
  // powers of two: the z-score rounds the same
  for (double& value : metres.values) value *= 1024;
  for (double& value : metres_samples.values) value *= 1024;
  CHECK(diagnose::c2st(metres, metres_samples).mean == mean);
}

TEST_CASE("c2st is the same for any number of threads and for every call", "[diagnose][c2st]") {
  const auto reference = normal_set(400, 2, 1), samples = normal_set(400, 2, 2, 0.7);
  const auto one = diagnose::c2st(reference, samples, {.threads = 1});
  for (const int threads : {1, 2, 5, 9}) {
    const auto other = diagnose::c2st(reference, samples, {.threads = threads});
    CHECK(other.accuracies == one.accuracies);
    CHECK(other.epochs == one.epochs);
  }
  const auto reseeded = diagnose::c2st(reference, samples, {.seed = 2});
  CHECK(reseeded.accuracies != one.accuracies);
  CHECK_THAT(reseeded.mean, WithinAbs(one.mean, 0.04));
}

TEST_CASE("folds are those of scikit-learn's shuffled KFold", "[diagnose][c2st]") {
  // KFold(5, shuffle=True, random_state=1).split(range(23)), the fold of each row
  const std::vector<int32_t> expected = {2, 2, 1, 0, 1, 4, 2, 2, 4, 3, 1, 4, 4, 0, 2, 3, 1, 0, 1, 0, 0, 3, 3};
  CHECK(diagnose::assign_folds(23, 5, 1) == expected);
}

TEST_CASE("folds share all rows out, the first ones larger by one", "[diagnose][c2st]") {
  for (const int64_t rows : {10, 23, 100, 20000}) {
    for (const int64_t folds : {2, 3, 5, 7}) {
      CAPTURE(rows, folds);
      const auto fold_of = diagnose::assign_folds(rows, folds, 9);
      REQUIRE(static_cast<int64_t>(fold_of.size()) == rows);
      for (int64_t fold = 0; fold < folds; ++fold)
        CHECK(std::count(fold_of.begin(), fold_of.end(), fold) == rows / folds + (fold < rows % folds));
      CHECK_FALSE(std::is_sorted(fold_of.begin(), fold_of.end()));
    }
  }
}

TEST_CASE("c2st uses the first rows of the larger set and says so", "[diagnose][c2st]") {
  auto large = normal_set(300, 2, 1, 0.5);
  const auto small = normal_set(200, 2, 2);
  const auto cut = diagnose::c2st(large, small);
  CHECK(cut.cut_to_smaller);
  CHECK(cut.rows == 200);
  large.rows = 200;
  large.values.resize(400);
  const auto same = diagnose::c2st(large, small);
  CHECK_FALSE(same.cut_to_smaller);
  CHECK(same.accuracies == cut.accuracies);
  const auto limited = diagnose::c2st(normal_set(300, 2, 1, 0.5), small, {.max_rows = 100});
  CHECK(limited.rows == 100);
  CHECK_FALSE(limited.cut_to_smaller);
}

TEST_CASE("c2st counts repeated samples and reports each fold", "[diagnose][c2st]") {
  auto samples = normal_set(60, 2, 2);
  std::copy_n(samples.values.begin(), 10, samples.values.begin() + 50);  // rows 25..29 repeat rows 0..4
  std::vector<int64_t> calls;
  const auto result = diagnose::c2st(normal_set(60, 2, 1), samples,
                                     {.on_fold = [&](int64_t done, int64_t) { calls.push_back(done); }});
  CHECK(result.duplicates == 5);
  CHECK(calls == std::vector<int64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("c2st refuses what it cannot compare, naming file and remedy", "[diagnose][c2st][error]") {
  const auto good = normal_set(50, 2, 1);
  const auto fails = [](const diagnose::SampleSet& a, const diagnose::SampleSet& b, const std::string& part,
                        const diagnose::C2stOptions& options = {}) {
    CHECK_THROWS_MATCHES(diagnose::c2st(a, b, options), core::UserError,
                         MessageMatches(ContainsSubstring(part)));
  };
  auto broken = normal_set(50, 2, 2);
  broken.values[7] = NAN;
  broken.values[40] = INFINITY;
  broken.values[41] = NAN;
  fails(good, broken, "set2: 2 of 50 rows hold NaN or infinity (first: row 3)");
  fails(broken, good, "set2: 2 of 50 rows");
  fails(good, normal_set(50, 3, 2), "set1 has 2 columns and set2 has 3");
  fails(good, normal_set(9, 2, 2), "set2 gives 9 rows; 5 folds need at least 10");
  auto constant = normal_set(50, 2, 2);
  for (int64_t i = 0; i < 50; ++i) constant.values[2 * i + 1] = 0.1f;
  constant.columns = {"mass", "spin"};
  fails(constant, good, "set2: column 1 (spin) is constant");
  // A constant column of the second set alone tells the two apart.
  CHECK(diagnose::c2st(good, constant).mean > 0.9);
  fails(good, good, "folds = 1 is too few", {.folds = 1});
  fails(good, good, "seed = 4294967296 is too large", {.seed = uint64_t{1} << 32});
}
