#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "data/errors.hpp"
#include "data/survey.hpp"
#include "io/atomic_file.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::NanPolicy;
using data::Standardise;
using test::says;

namespace {

struct Table {
  std::vector<float> theta, x;  // [n, 1], [n, 2]
  data::Dataset dataset() const {
    const auto rows = std::ssize(theta);
    data::Dataset dataset;
    dataset.shape.theta_dim = 1;
    dataset.shape.x_dim = 2;
    dataset.rows = std::make_shared<data::RowSource>(
        data::rows_in_memory(io::Array::from(std::span<const float>(theta), {rows, 1})),
        data::rows_in_memory(io::Array::from(std::span<const float>(x), {rows, 2})));
    dataset.theta_names = {"mass"};
    dataset.x_names = {"u", "v"};
    dataset.source = "table";
    return dataset;
  }
};

Table random_table(int64_t rows) {
  core::Philox random(7, core::Purpose::test);
  Table table;
  for (int64_t row = 0; row < rows; ++row) {
    table.theta.push_back(static_cast<float>(random.uniform_open()));
    table.x.push_back(static_cast<float>(random.normal()));
    table.x.push_back(static_cast<float>(100 + random.normal()));
  }
  return table;
}

data::DataOptions options_with(NanPolicy nan) {
  data::DataOptions options;
  options.nan = nan;
  options.standardise_x = Standardise::per_feature;
  options.constant = data::ConstantColumns::error;
  return options;
}

uint32_t crc_of(const Table& table) {
  return io::crc32(std::as_bytes(std::span(table.x)), io::crc32(std::as_bytes(std::span(table.theta))));
}

constexpr int64_t small_block = 20;  // numbers, ten rows of x

}  // namespace

TEST_CASE("a survey in blocks finds what one block does", "[data][survey]") {
  const Table table = random_table(1003);
  const auto dataset = table.dataset();
  const auto options = options_with(NanPolicy::error);
  const auto whole = data::survey(dataset, options, 3),
             blocks = data::survey(dataset, options, 3, {}, small_block);
  CHECK(whole.fingerprint == crc_of(table));
  CHECK(blocks.fingerprint == whole.fingerprint);
  CHECK(blocks.split.validation == whole.split.validation);
  CHECK(whole.kept.size() == 1003);
  for (size_t i = 0; i < 2; ++i) {
    CHECK_THAT(blocks.x.mean[i], WithinAbs(whole.x.mean[i], 1e-13 * 100));
    CHECK_THAT(blocks.x.scale[i], WithinRel(whole.x.scale[i], 1e-11));
  }
}

TEST_CASE("only training rows standardise, with the bits of two passes over them", "[data][survey]") {
  const Table table = random_table(200);
  const auto survey = data::survey(table.dataset(), options_with(NanPolicy::error), 3);
  double mean = 0, squares = 0;
  const auto rows = survey.split.training.all();
  for (const int64_t row : rows) mean += static_cast<double>(table.theta[static_cast<size_t>(row)]);
  mean /= static_cast<double>(rows.size());
  for (const int64_t row : rows) {
    const double difference = static_cast<double>(table.theta[static_cast<size_t>(row)]) - mean;
    squares += difference * difference;
  }
  CHECK(survey.theta.mean[0] == mean);
  CHECK(survey.theta.scale[0] == std::sqrt(squares / static_cast<double>(rows.size())));
}

TEST_CASE("dropped rows leave the survey of the others", "[data][survey]") {
  const Table clean = random_table(500);
  Table dirty;
  for (size_t row = 0; row < clean.theta.size(); ++row) {
    if (row % 9 == 4) {
      dirty.theta.push_back(row % 2 ? 1.0F : std::numeric_limits<float>::infinity());
      dirty.x.insert(dirty.x.end(), {std::numeric_limits<float>::quiet_NaN(), 1});
    }
    dirty.theta.push_back(clean.theta[row]);
    dirty.x.insert(dirty.x.end(), clean.x.begin() + static_cast<ptrdiff_t>(2 * row),
                   clean.x.begin() + static_cast<ptrdiff_t>(2 * row + 2));
  }
  const auto options = options_with(NanPolicy::drop);
  const auto expected = data::survey(clean.dataset(), options, 5);
  for (const int64_t block : {data::block_numbers, small_block}) {
    const auto survey = data::survey(dirty.dataset(), options, 5, {}, block);
    CHECK(survey.dropped == 56);
    CHECK(survey.kept.size() == 500);
    CHECK(survey.kept[4] == 5);
    CHECK(survey.split.validation == expected.split.validation);
    CHECK(survey.fingerprint == expected.fingerprint);
    CHECK_THAT(survey.x.mean[1], WithinRel(expected.x.mean[1], 1e-13));
  }
  REQUIRE_USER_ERROR(data::survey(dirty.dataset(), options_with(NanPolicy::error), 5, {}, small_block),
                     says("56 of 556 rows") && says("row 4, counted from 0, mass"));
}

TEST_CASE("theta outside the prior's range is named by its row", "[data][survey]") {
  Table table = random_table(100);
  table.theta[63] = 1.5F;
  REQUIRE_USER_ERROR(data::survey(table.dataset(), options_with(NanPolicy::error), 0,
                                  data::ThetaEnds{{{0}, {1}}, true}, small_block),
                     says("row 63 (counted from 0) has mass = 1.5") && says("prior.transform"));
}

TEST_CASE("the fingerprint tells float64 values apart that are one in float32", "[data][survey]") {
  const auto fingerprint = [](double last) {
    const std::vector<double> times{1.7e9, 1.7e9 + 4000, 1.7e9 + 9000, last}, x{1, 2, 3, 4};
    data::Dataset dataset;
    dataset.shape.theta_dim = dataset.shape.x_dim = 1;
    dataset.rows =
        std::make_shared<data::RowSource>(data::rows_in_memory(io::Array::from(std::span(times), {4, 1})),
                                          data::rows_in_memory(io::Array::from(std::span(x), {4, 1})));
    dataset.theta_names = {"t"};
    dataset.x_names = {"x"};
    return data::survey(dataset, options_with(NanPolicy::error), 0).fingerprint;
  };
  CHECK(fingerprint(1.7e9 + 20000) == fingerprint(1.7e9 + 20000));
  CHECK(fingerprint(1.7e9 + 20000) != fingerprint(1.7e9 + 20000.25));
}

TEST_CASE("impute counts what x lacks, and moments leave it out", "[data][survey][missing]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  Table table = random_table(400);
  for (size_t row = 0; row < 400; row += 4) table.x[2 * row] = nan;
  for (size_t row = 0; row < 400; row += 100) table.x[2 * row + 1] = nan;
  const auto dataset = table.dataset();
  const auto survey = data::survey(dataset, options_with(NanPolicy::impute), 3, {}, small_block);
  CHECK(survey.dropped == 0);
  CHECK(survey.missing.of_feature() == std::vector<int64_t>{100, 4});
  CHECK(survey.missing.cells() == 104);
  CHECK(survey.missing.rows() == 100);
  CHECK(survey.missing.empty_rows() == 4);
  CHECK(survey.missing.usual(0) == 2);
  const std::string text = survey.missing.text(dataset.x_names);
  CHECK(text ==
        "104 of 800 values of x are missing, in 100 of 400 rows (u 25 %, v 1 %); 4 rows lack all of x, and "
        "train the prior");
  CHECK_THAT(survey.x.mean[0], WithinAbs(0, 0.25));
  CHECK_THAT(survey.x.scale[0], WithinAbs(1, 0.2));
}

TEST_CASE("impute refuses NaN in theta, infinite values and columns without a value",
          "[data][survey][missing]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                  infinity = std::numeric_limits<float>::infinity();
  const auto impute = options_with(NanPolicy::impute);
  Table theta = random_table(40), infinite = random_table(40), empty = random_table(40);
  theta.theta[7] = theta.theta[9] = nan;
  REQUIRE_USER_ERROR(data::survey(theta.dataset(), impute, 0),
                     says("2 of 40 rows") && says("row 7") && says("mass") && says("data.nan: drop"));
  infinite.x[3] = infinity;
  REQUIRE_USER_ERROR(data::survey(infinite.dataset(), impute, 0),
                     says("1 of 40 rows") && says("row 1") && says("v"));
  for (size_t row = 0; row < 40; ++row) empty.x[2 * row + 1] = nan;
  REQUIRE_USER_ERROR(data::survey(empty.dataset(), impute, 0), says("v is missing (NaN) in every row"));
}

TEST_CASE("a column that every row lacks is named, whatever is done about NaN", "[data][survey]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const NanPolicy policy : {NanPolicy::error, NanPolicy::drop}) {
    Table table = random_table(40);
    for (size_t row = 0; row < 40; ++row) table.x[2 * row + 1] = nan;
    table.x[6] = nan;
    REQUIRE_USER_ERROR(
        data::survey(table.dataset(), options_with(policy), 0),
        says("v is missing (NaN, infinite or beyond 1e75) in every row") && says("data.ignore"));
  }
}

TEST_CASE("what a row usually lacks is what rows lack, and what is hidden besides",
          "[data][survey][missing]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  data::MissingCount whole(8), holed(8);
  for (int row = 0; row < 5000; ++row) {
    std::vector<double> x(8, 1.0);
    whole.add(x);
    if (row % 10 == 0) x[0] = x[1] = nan;
    if (row < 3) x[2] = x[3] = nan;  // fewer than one row in a thousand
    holed.add(x);
  }
  CHECK(whole.usual(0) == 0);
  CHECK(whole.usual(0.05) == 6);  // of 8 in a row that hides any: 1.8 on average, standard deviation 1.18
  CHECK(holed.usual(0) == 2);
  CHECK(holed.usual(0.9) == 8);
  CHECK(whole.rate_besides() == 0.05);
  CHECK(holed.rate_besides() == 0.01);  // a tenth of the rows lack values of their own
}

TEST_CASE("what auto guessed gives way to rows that it did not see, and what was told does not",
          "[data][survey][transform]") {
  // auto looks at every second of 40,000 rows: u is lognormal there, v lies within (0, 1).
  core::Philox random(11, core::Purpose::test);
  Table table = random_table(40000);
  for (size_t row = 0; row < 40000; ++row) {
    table.x[2 * row] = static_cast<float>(std::exp(2 * random.normal()));
    table.x[2 * row + 1] = static_cast<float>(random.uniform_open());
  }
  data::DataOptions options = options_with(NanPolicy::error);
  options.transform_x = {data::TransformWord::automatic, data::TransformWord::logit};
  const auto guessed = data::survey(table.dataset(), options, 1);
  REQUIRE(guessed.x.transforms.size() == 2);
  CHECK(guessed.x.transforms[0].kind == data::TransformKind::log);

  table.x[2] = -1;  // u of row 1
  const auto refuted = data::survey(table.dataset(), options, 1);
  CHECK(refuted.x.transforms[0].kind == data::TransformKind::asinh);
  CHECK(refuted.x.transforms[1].kind == data::TransformKind::logit);
  CHECK(says("data.transform_x (auto): u: asinh").match(refuted.remarks.back()));

  table.x[3] = 2;  // v of the same row
  REQUIRE_USER_ERROR(data::survey(table.dataset(), options, 1),
                     says("row 1 (counted from 0) has v = 2, outside the ends (0 to 1)"));
}
