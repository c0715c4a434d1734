// Observations that are unlike the training data are told, others are not.
#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "core/philox.hpp"
#include "data/look/look.hpp"
#include "data/tasks/task.hpp"
#include "support/sanitized.hpp"

using namespace fluxsbi;

namespace {

data::Dataset dataset_of(const std::vector<double>& x, int64_t width) {
  const int64_t rows = std::ssize(x) / width;
  core::Philox random(2, core::Purpose::test);
  std::vector<double> theta;
  for (int64_t i = 0; i < rows; ++i) theta.push_back(random.normal());
  data::Dataset dataset;
  dataset.shape.theta_dim = 1;
  dataset.shape.x_dim = width;
  dataset.theta_names = {"theta_0"};
  for (int64_t i = 0; i < width; ++i) dataset.x_names.push_back("x_" + std::to_string(i));
  dataset.rows = std::make_shared<data::RowSource>(
      data::rows_in_memory(io::Array::from(std::span<const double>(theta), {rows, 1})),
      data::rows_in_memory(io::Array::from(std::span<const double>(x), {rows, width})));
  return dataset;
}

// Uniform theta with noise, as in the look's test: deviation sqrt(1 / 3 + 0.01) = 0.586.
std::vector<double> uniform_rows(int64_t rows, uint64_t stream) {
  core::Philox random(4, core::Purpose::test, stream);
  std::vector<double> x;
  for (int64_t i = 0; i < 2 * rows; ++i) x.push_back(2 * random.uniform() - 1 + 0.1 * random.normal());
  return x;
}

const std::vector<std::string> names{"x_0", "x_1"};

bool tells(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a far number is told in training standard deviations", "[data][look][reference]") {
  const auto look = data::look(dataset_of(uniform_rows(4000, 1), 2), {});
  const std::vector<double> x{0.3, -0.2, 50, 50, 0.1, -5};
  const auto found = data::unlike_training(look.reference, x, names);
  REQUIRE(found.size() == 2);
  CHECK(found[0].row == 1);
  CHECK(tells(found[0].text, "x_0 = 50 is 8"));
  CHECK(tells(found[0].text, "x_1 = 50 is 8"));
  CHECK(tells(found[0].text, "training standard deviations from the mean (training values lie in [-1."));
  CHECK(tells(found[0].text, "percentile"));
  CHECK(found[1].row == 2);
  CHECK(tells(found[1].text, "x_1 = -5 is 8."));
}

TEST_CASE("a combination that no training row has is told by its distance", "[data][look][reference]") {
  core::Philox random(6, core::Purpose::test);
  std::vector<double> x;
  for (int i = 0; i < 2000; ++i) {
    const double a = random.normal();
    x.push_back(a);
    x.push_back(a + 0.01 * random.normal());
  }
  const auto look = data::look(dataset_of(x, 2), {});
  const auto found = data::unlike_training(look.reference, std::vector<double>{1.5, -1.5, 1.0, 1.0}, names);
  REQUIRE(found.size() == 1);
  CHECK(found[0].row == 0);
  CHECK(tells(found[0].text, "nearest training row"));
}

TEST_CASE("fresh observations of the built-in tasks are like their training data",
          "[data][look][reference]") {
  for (const data::TaskRow& row : data::tasks()) {
    INFO(row.name);
    data::DataOptions options;
    options.task = row.name;
    options.simulations = test::unless_sanitized(3000, 600);
    if (std::string(row.name) == "normal_set") options.nan = data::NanPolicy::pad;
    const auto dataset = data::open_dataset(options, 5);
    const auto look = data::look(dataset, options, {});
    const int64_t count = test::unless_sanitized(500, 100);
    options.simulations = count;
    const auto fresh = data::open_dataset(options, 6);
    std::vector<double> x(static_cast<size_t>(count * fresh.shape.x_size()));
    fresh.rows->x().read(0, count, x);
    std::vector<std::string> of_x(static_cast<size_t>(fresh.shape.x_size()), "x");
    const auto found = data::unlike_training(look.reference, x, of_x);
    INFO((found.empty() ? "" : found.front().text));
    CHECK(found.size() <= 2);  // 500 draws of heavy tails beyond 3000 others
  }
}

TEST_CASE("an empty reference says nothing, NaN is passed over, and what is remembered is small",
          "[data][look][reference]") {
  CHECK(data::unlike_training({}, std::vector<double>{1e9, 1e9}, names).empty());
  const auto look = data::look(dataset_of(uniform_rows(4000, 1), 2), {});
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  CHECK(data::unlike_training(look.reference, std::vector<double>{nothing, nothing, nothing, 0.1}, names)
            .empty());
  CHECK(data::unlike_training(look.reference, std::vector<double>{nothing, 40}, names).size() == 1);
  CHECK(look.reference.row_count() == data::reference_rows);
  const auto wide = data::look(dataset_of(uniform_rows(3000, 1), 60), {});
  CHECK(std::ssize(wide.reference.rows) <= data::reference_numbers);
  CHECK(wide.reference.row_count() >= 32);
}
