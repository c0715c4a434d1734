#include "support/catch.hpp"
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "train/schedule.hpp"

namespace {

using namespace fluxsbi::train;
using Catch::Matchers::WithinRel;

constexpr double rounding = 1e-12;  // doubles, a few operations

TEST_CASE("the cosine schedule warms up, stays, and falls to its lowest rate", "[train][schedule]") {
  const CosineSchedule schedule(1e-3, 1e-5, 100, 0.5, 1000);
  CHECK_THAT(schedule.rate(0), WithinRel(1e-7, rounding));
  CHECK_THAT(schedule.rate(50), WithinRel((1e-7 + 1e-3) / 2, rounding));
  CHECK(schedule.rate(100) == 1e-3);
  CHECK(schedule.rate(499) == 1e-3);
  CHECK_THAT(schedule.rate(750), WithinRel((1e-3 + 1e-5) / 2, rounding));
  CHECK_THAT(schedule.rate(1000),
             WithinRel(1e-5, 1e-9));  // cos(pi) leaves a rest of the large rate's rounding
  for (int64_t step = 501; step < 1000; ++step) CHECK(schedule.rate(step) < schedule.rate(step - 1));
  CHECK(schedule.rate(999) > 1e-5);
}

TEST_CASE("a warm-up beyond the transition delays the cosine", "[train][schedule]") {
  const CosineSchedule schedule(1e-3, 1e-5, 800, 0.5, 1000);
  for (int64_t step = 1; step <= 800; ++step) CHECK(schedule.rate(step) > schedule.rate(step - 1));
  CHECK(schedule.rate(800) == 1e-3);
  CHECK(schedule.rate(801) < 1e-3);
}

TEST_CASE("schedules without warm-up or without decay have none", "[train][schedule]") {
  const CosineSchedule decay_only(1e-3, 1e-5, 0, 0, 10);
  CHECK(decay_only.rate(0) == 1e-3);
  CHECK(decay_only.rate(1) < 1e-3);
  const CosineSchedule constant(1e-3, 1e-5, 0, 1, 10);
  for (int64_t step = 0; step < 10; ++step) CHECK(constant.rate(step) == 1e-3);
}

TEST_CASE("the plateau schedule cuts the rate after `patience` averages without a new best",
          "[train][schedule]") {
  PlateauSchedule schedule(1.0, 0.1, /*patience=*/3, /*cooldown=*/2, /*factor=*/0.5, /*rtol=*/0.01, 100);
  const auto rate_after = [&](double loss) {
    schedule.observe(loss);
    return schedule.rate(0);
  };
  CHECK(rate_after(1.0) == 1);    // the first best
  CHECK(rate_after(0.995) == 1);  // not below (1 - rtol) of the best: bad 1
  CHECK(rate_after(1.2) == 1);    // bad 2
  CHECK(rate_after(0.5) == 1);    // a new best
  CHECK(rate_after(0.5) == 1);    // bad 1
  CHECK(rate_after(0.6) == 1);    // bad 2
  CHECK(rate_after(0.6) == 0.5);  // bad 3: cut
  CHECK(rate_after(0.6) == 0.5);  // cooling
  CHECK(rate_after(0.6) == 0.5);  // cooling
  CHECK(rate_after(0.6) == 0.5);  // bad 1
  CHECK(rate_after(0.6) == 0.5);  // bad 2
  CHECK(rate_after(0.6) == 0.25);
  for (int i = 0; i < 20; ++i) schedule.observe(0.6);
  CHECK(schedule.rate(0) == 0.1);  // never below min_lr
}

TEST_CASE("a plateau schedule goes on from its state", "[train][schedule]") {
  PlateauSchedule one(1.0, 0.01, 2, 1, 0.5, 1e-4, 10), other(1.0, 0.01, 2, 1, 0.5, 1e-4, 10);
  other.restore(one.state());  // before the first average
  const double losses[] = {1, 0.9, 0.95, 0.95, 0.95, 0.8, 0.85, 0.85, 0.85, 0.85, 0.85, 0.7, 0.71};
  for (const double loss : losses) {
    one.observe(loss);
    other.observe(loss);
    CHECK(one.rate(0) == other.rate(0));
    PlateauSchedule next(1.0, 0.01, 2, 1, 0.5, 1e-4, 10);
    next.restore(other.state());
    other = next;
  }
  CHECK(one.rate(0) < 0.5);
}

}  // namespace
