// Draws that are weighed and chosen, against the distribution that the weights are of.
#include <cmath>
#include <vector>

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/philox.hpp"
#include "experiment/weighing.hpp"
#include "support/catch.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;

namespace {

constexpr double target_mean = 0.6, target_deviation = 0.7;

// Draws of q = N(0, 1), which are to become draws of p = N(0.6, 0.7^2).
class ToTarget final : public experiment::Weigher {
 public:
  explicit ToTarget(bool divides_by_q) : divides_by_q_(divides_by_q) {}
  std::vector<double> log_weights(std::span<const double> theta, int64_t row) override {
    std::vector<double> found;
    for (const double t : theta) {
      const double u = (t - target_mean) / target_deviation;
      found.push_back(-u * u / 2 + (divides_by_q_ ? t * t / 2 : 0) + 1000.0 * static_cast<double>(row));
    }
    return found;
  }
  std::pair<std::string, std::string> description() const override { return {"target", "normal"}; }
  std::string what() const override { return "toward the target"; }
  std::string remedy() const override { return "ask for less"; }

 private:
  bool divides_by_q_;
};

struct Found {
  double mean, deviation;
};

// Where draws are worth too little, those of p itself, of equal weight.
class WithOthers final : public experiment::Weigher {
 public:
  std::vector<double> log_weights(std::span<const double> theta, int64_t) override {
    std::vector<double> found(theta.size(), -1e3);
    found[0] = 0;  // one draw decides
    return found;
  }
  experiment::WeightedPoints other_points(int64_t row, int64_t count, std::span<const double> draws,
                                          core::Philox& random) override {
    asked.push_back(std::ssize(draws));
    if (row == 1) return {};
    experiment::WeightedPoints points;
    for (int64_t i = 0; i < count; ++i)
      points.theta.push_back(target_mean + target_deviation * random.normal());
    points.log_weights.assign(static_cast<size_t>(count), 7.0);
    return points;
  }
  std::string other_points_text() const override { return "draws of the target"; }
  std::pair<std::string, std::string> description() const override { return {"target", "normal"}; }
  std::string what() const override { return "toward the target"; }
  std::string remedy() const override { return "ask for less"; }

  std::vector<int64_t> asked;
};

Found chosen_by(bool divides_by_q, bool chain) {
  constexpr int64_t draws = 20000, rows = 2;
  ToTarget weigher(divides_by_q);
  experiment::WeightedChoice choice(weigher, {.pool = 4, .least_effective = 100, .chain = chain});
  sample::SampleBlock pool{1, 1, {}, {}};
  core::Philox random(7, core::Purpose::test);
  for (int64_t i = 0; i < rows * choice.pool_of(draws); ++i) {
    pool.values.push_back(random.normal());
    pool.filled.push_back(i % 10 != 0);  // a tenth could not be filled
    if (!pool.filled.back()) pool.values.back() = std::nan("");
  }
  const sample::SampleBlock chosen = choice.choose(pool, draws, 1, 0);
  REQUIRE(chosen.values.size() == static_cast<size_t>(rows * draws));
  double sum = 0, squares = 0;
  for (const double value : chosen.values) {
    sum += value;
    squares += value * value;
  }
  const double mean = sum / (rows * draws);
  CHECK(choice.finish() == 0);
  return {mean, std::sqrt(squares / (rows * draws) - mean * mean)};
}

}  // namespace

TEST_CASE("weighed draws have the distribution that the weights are of", "[experiment][weights]") {
  const bool chain = GENERATE(false, true);
  CAPTURE(chain);
  const Found found = chosen_by(true, chain);
  CHECK_THAT(found.mean, WithinAbs(target_mean, 0.02));
  CHECK_THAT(found.deviation, WithinAbs(target_deviation, 0.02));
  // Weights without the density of the draws are those of another distribution, p q.
  const Found wrong = chosen_by(false, chain);
  CHECK(std::abs(wrong.mean - target_mean) > 0.1);
  CHECK(std::abs(wrong.deviation - target_deviation) > 0.05);
}

TEST_CASE("rows of few effective draws are left empty, and a state goes on", "[experiment][weights]") {
  ToTarget weigher(true);
  experiment::WeightedChoice choice(weigher, {.pool = 2, .least_effective = 100, .chain = false});
  sample::SampleBlock pool{1, 1, std::vector<double>(40, 0.5), std::vector<uint8_t>(40, 1)};
  const auto chosen = choice.choose(pool, 20, 1, 0);
  CHECK(chosen.filled == std::vector<uint8_t>(20, 0));
  for (const double value : chosen.values) CHECK(std::isnan(value));
  CHECK(choice.weighed() == 40);
  experiment::WeightedChoice other(weigher, choice.options());
  other.restore(choice.state());
  CHECK(other.state() == choice.state());
  CHECK(other.finish() == 1);
}

TEST_CASE("other points take the place of draws that are worth too little", "[experiment][weights]") {
  constexpr int64_t draws = 5000;
  WithOthers weigher;
  experiment::WeightedChoice choice(weigher, {.pool = 2, .least_effective = 100, .chain = false});
  sample::SampleBlock pool{1, 1, std::vector<double>(2 * 2 * draws, 50.0),
                           std::vector<uint8_t>(2 * 2 * draws, 1)};
  pool.filled[3] = 0;  // not given to the weigher
  const auto chosen = choice.choose(pool, draws, 1, 0);
  CHECK(weigher.asked == std::vector<int64_t>{2 * draws - 1, 2 * draws});
  double sum = 0;
  for (size_t i = 0; i < draws; ++i) sum += chosen.values[i] / draws;
  CHECK_THAT(sum, WithinAbs(target_mean, 0.04));                                   // four standard errors
  for (size_t i = draws; i < 2 * draws; ++i) CHECK(std::isnan(chosen.values[i]));  // the weigher had none
  experiment::WeightedChoice other(weigher, choice.options());
  other.restore(choice.state());
  CHECK(other.state() == choice.state());
  CHECK(choice.finish() == 1);
}
