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
