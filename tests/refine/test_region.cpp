// Regions of a posterior that is known exactly: the still model's is N(first_mean, first_sd^2) times
// N(second_mean, second_sd^2) given any x, and its regions of highest density are ellipses.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <vector>

#include "core/philox.hpp"
#include "evidence/tiny_model.hpp"
#include "refine/coverage.hpp"
#include "refine/region.hpp"
#include "refine/truncated_draws.hpp"
#include "support/catch.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::first_mean, test::first_sd, test::second_mean, test::second_sd;

namespace {

const std::vector<double> x{0, 0, 0};

std::shared_ptr<sample::Posterior> still_posterior() {
  return std::make_shared<sample::Posterior>(test::posterior_of(test::still_model()));
}

// The squared distance from the posterior's mean in its standard deviations. The share exp(-r2 / 2) of the
// posterior lies farther away.
double squared_radius(double first, double second) {
  return std::pow((first - first_mean) / first_sd, 2) + std::pow((second - second_mean) / second_sd, 2);
}

double radius_of(double epsilon) {
  return -2 * std::log(epsilon);
}

std::unique_ptr<data::Prior> wide_box() {
  return data::make_prior({data::PriorKind::box, {0, -8}, {10, 2}, {}, {}}, 2);
}

refine::Region region_of(const std::shared_ptr<sample::Posterior>& posterior, double epsilon) {
  const refine::Bounds bounds = refine::find_bounds(*posterior, x, epsilon, 3);
  refine::Region region(2, x);
  region.cut(bounds.box);
  region.hold(posterior, bounds.least);
  return region;
}

double mean_of(const std::vector<double>& theta, size_t component) {
  double sum = 0;
  for (size_t i = component; i < theta.size(); i += 2) sum += theta[i];
  return sum / static_cast<double>(theta.size() / 2);
}

double variance_of(const std::vector<double>& theta, size_t component) {
  const double mean = mean_of(theta, component);
  double sum = 0;
  for (size_t i = component; i < theta.size(); i += 2) sum += std::pow(theta[i] - mean, 2);
  return sum / static_cast<double>(theta.size() / 2);
}

}  // namespace

TEST_CASE("the threshold leaves out the share epsilon of the posterior", "[refine][region]") {
  CHECK(refine::place_of_least(1e-4, 10000) == 0);
  CHECK(refine::place_of_least(0.01, 1000) == 9);
  CHECK(refine::place_of_least(0.1, 1000) == 99);
  CHECK(refine::place_of_least(1e-6, 10000) == 0);
  const auto posterior = still_posterior();
  const refine::Bounds bounds = refine::find_bounds(*posterior, x, 0.02, 3);
  const double highest = -std::log(2 * std::numbers::pi * first_sd * second_sd);
  // Twenty of a thousand draws lie below: the share's standard error is a fifth of it, log tau's .2.
  CHECK(std::abs(bounds.least - (highest - radius_of(0.02) / 2)) < 0.6);
  constexpr double seen = 3.2;  // standard deviations that 10,000 draws reach at least
  CHECK(bounds.box.low[0] < first_mean - seen * first_sd);
  CHECK(bounds.box.high[0] > first_mean + seen * first_sd);
  CHECK(bounds.box.low[1] < second_mean - seen * second_sd);
  CHECK(bounds.box.high[1] > second_mean + seen * second_sd);
  CHECK(bounds.box.high[1] < second_mean + 7 * second_sd);
}

TEST_CASE("a region holds what is likely and nothing else", "[refine][region]") {
  const auto posterior = still_posterior();
  const refine::Region region = region_of(posterior, 0.02);
  const double inside = radius_of(0.06), outside = radius_of(0.005);
  core::Philox random(1, core::Purpose::test);
  std::vector<double> theta;
  for (int i = 0; i < 400; ++i) {
    theta.push_back(10 * random.uniform());
    theta.push_back(-8 + 10 * random.uniform());
  }
  theta.insert(theta.end(), {std::nan(""), second_mean});
  const auto found = region.contains(theta);
  int64_t sure = 0;
  for (size_t row = 0; row < 400; ++row) {
    const double r2 = squared_radius(theta[2 * row], theta[2 * row + 1]);
    if (r2 < inside) CHECK(found[row] == 1);
    if (r2 > outside) CHECK(found[row] == 0);
    sure += r2 < inside ? 1 : 0;
  }
  CHECK(sure > 10);
  CHECK(found.back() == 0);
  refine::Region twice = region;  // a second condition only takes away
  refine::Box half = refine::whole_box(2);
  half.high[0] = first_mean;
  twice.cut(half);
  const auto narrower = twice.contains(theta);
  for (size_t row = 0; row < 400; ++row)
    CHECK(narrower[row] == (found[row] && theta[2 * row] <= first_mean ? 1 : 0));
}

TEST_CASE("draws of a box prior in the region are uniform in its ellipse", "[refine][region]") {
  const auto prior = wide_box();
  constexpr double epsilon = 0.02;
  const refine::Region region = region_of(still_posterior(), epsilon);
  constexpr int64_t count = 1500;
  const auto drawn = refine::draw_truncated(*prior, region, count, 5);
  REQUIRE(drawn);
  REQUIRE(std::ssize(drawn->theta) == 2 * count);
  double farthest = 0;
  for (size_t row = 0; row < count; ++row)
    farthest = std::max(farthest, squared_radius(drawn->theta[2 * row], drawn->theta[2 * row + 1]));
  CHECK(farthest > radius_of(0.04));
  CHECK(farthest < radius_of(0.008));
  // The ellipse that was found, whose threshold is an estimate, is the one to compare with.
  const double area = std::numbers::pi * farthest * first_sd * second_sd;
  CHECK(std::abs(drawn->share / (area / 100) - 1) < 0.08);
  CHECK(std::abs(mean_of(drawn->theta, 0) - first_mean) < 4 * first_sd * std::sqrt(farthest / 4 / count));
  CHECK(std::abs(variance_of(drawn->theta, 0) / (first_sd * first_sd * farthest / 4) - 1) < 0.1);
  CHECK(std::abs(variance_of(drawn->theta, 1) / (second_sd * second_sd * farthest / 4) - 1) < 0.1);
  const auto again = refine::draw_truncated(*prior, region, 100, 5);
  CHECK(std::equal(again->theta.begin(), again->theta.end(), drawn->theta.begin()));
}

TEST_CASE("a prior cut to a box has the moments of a truncated normal", "[refine][region]") {
  const auto prior = data::make_prior({data::PriorKind::normal, {}, {}, {0, 1}, {1, 2}}, 2);
  refine::Region region(2, x);
  refine::Box box = refine::whole_box(2);
  box.low[0] = 0.5;
  box.high[0] = 1.5;
  region.cut(box);
  constexpr int64_t count = 4000;
  const auto drawn = refine::draw_truncated(*prior, region, count, 2);
  // Phi(1.5) - Phi(.5), and the mean and variance between these ends.
  constexpr double mass = 0.2417303, mean = 0.9207, variance = 0.08002;
  CHECK(std::abs(drawn->share - mass) < 1e-6);
  CHECK(std::abs(mean_of(drawn->theta, 0) - mean) < 4 * std::sqrt(variance / count));
  CHECK(std::abs(variance_of(drawn->theta, 0) / variance - 1) < 0.1);
  CHECK(std::abs(mean_of(drawn->theta, 1) - 1) < 4 * 2 / std::sqrt(count));
  CHECK(std::abs(variance_of(drawn->theta, 1) / 4 - 1) < 0.1);
}

TEST_CASE("parameters that depend on each other are tried until they lie in the region", "[refine][region]") {
  data::PriorOptions options;
  options.kind = data::PriorKind::parameters;
  options.parameters = data::PriorParts{
      {{"multivariate_normal", {"a", "b"}, {{"mean", {0, 0}}, {"covariance", {1, 0.9, 0.9, 1}}}}}};
  const auto prior = data::make_prior(options, 2);
  refine::Region region(2, x);
  refine::Box box = refine::whole_box(2);
  box.low = {0, 0};  // a quarter, and asin(.9) / (2 pi) more: both of one sign
  region.cut(box);
  const auto drawn = refine::draw_truncated(*prior, region, 2000, 2);
  CHECK(*std::min_element(drawn->theta.begin(), drawn->theta.end()) >= 0);
  CHECK(std::abs(drawn->share - (0.25 + std::asin(0.9) / (2 * std::numbers::pi))) < 0.04);
  box.low = {3, 3};
  box.high = {3.001, 3.001};
  region.cut(box);
  CHECK_THAT(test::error_of([&] {
               refine::draw_truncated(*prior, region, 100, 2, {0, 0.01, 5000});
             }),
             ContainsSubstring("too small a part of the prior") && ContainsSubstring("--rounds"));
}

TEST_CASE("a threshold that little of the box passes is given up, and says so", "[refine][region]") {
  const auto prior = wide_box();
  const auto posterior = still_posterior();
  refine::Region region(2, x);
  region.hold(posterior, -std::log(2 * std::numbers::pi * first_sd * second_sd) - radius_of(0.5) / 2);
  // An ellipse of radius sqrt(2 log 2) in a box of area 100: 2.2 % of it.
  CHECK_FALSE(refine::draw_truncated(*prior, region, 3000, 1, {0.05}));
  CHECK(refine::draw_truncated(*prior, region, 100, 1, {0.005}));
}

TEST_CASE("a region holds the forms of its theta under a symmetry", "[refine][region][symmetry]") {
  const auto symmetry = data::parse_symmetries("exchange theta_0, -theta_1", {{"theta_0", "theta_1"}, {}});
  std::vector<data::SignedPermutation> forms;
  for (data::RowForm& form : data::row_forms(symmetry, 2, 0, 8)) forms.push_back(std::move(form.theta));
  REQUIRE(forms.size() == 2);
  const refine::Box hull = refine::hull_of_forms({{1, 2}, {3, 5}}, forms);
  CHECK(hull.low == std::vector<double>{-5, -3});
  CHECK(hull.high == std::vector<double>{3, 5});

  const auto posterior = still_posterior();
  const refine::Bounds bounds = refine::find_bounds(*posterior, x, 1e-2, 3);
  const std::vector<double> theta{first_mean,
                                  second_mean,  // the middle of the posterior
                                  -second_mean,
                                  -first_mean,  // its other form
                                  first_mean + 9 * first_sd,
                                  second_mean};
  refine::Region region(2, x);
  region.cut(refine::hull_of_forms(bounds.box, forms));
  region.hold(posterior, bounds.least, forms);
  CHECK(region.contains(theta) == std::vector<uint8_t>{1, 1, 0});
  CHECK(region_of(posterior, 1e-2).contains(theta) == std::vector<uint8_t>{1, 0, 0});
}

TEST_CASE("coverage is right for an exact posterior and low for one that is too narrow or displaced",
          "[refine][coverage]") {
  const auto posterior = still_posterior();
  const refine::Region everything(2, x);
  const auto good = refine::find_coverage(*posterior, test::still_pairs(200, 0, 5), everything, 1);
  CHECK(good.pairs == 200);
  CHECK_FALSE(good.overconfident());
  CHECK(std::abs(static_cast<double>(good.covered[0]) - 100) < 25);
  CHECK(std::abs(static_cast<double>(good.covered[1]) - 160) < 20);
  evidence::Pairs wide = test::still_pairs(100, 0, 5);
  for (size_t i = 0; i < wide.theta.size(); i += 2)
    wide.theta[i] = first_mean + 2.5 * (wide.theta[i] - first_mean);
  const auto narrow = refine::find_coverage(*posterior, wide, everything, 1);
  CHECK(narrow.overconfident());
  CHECK_THAT(narrow.text(), ContainsSubstring("% at 50 / 80 / 95 % (100 held-out pairs)"));
  CHECK(refine::find_coverage(*posterior, test::still_pairs(100, 2, 5), everything, 1).overconfident());
}

TEST_CASE("coverage within a region leaves out draws where no pair can lie", "[refine][coverage]") {
  const auto posterior = still_posterior();
  refine::Region region(2, x);
  refine::Box box = refine::whole_box(2);
  box.low[0] = first_mean + first_sd;  // a sixth of the posterior, without its mode
  region.cut(box);
  const evidence::Pairs all = test::still_pairs(500, 0, 8);
  evidence::Pairs pairs;
  for (int64_t row = 0; row < all.rows; ++row) {
    const auto theta = all.theta.begin() + 2 * row, x_row = all.x.begin() + 3 * row;
    if (theta[0] < box.low[0]) continue;
    pairs.theta.insert(pairs.theta.end(), theta, theta + 2);
    pairs.x.insert(pairs.x.end(), x_row, x_row + 3);
    ++pairs.rows;
  }
  const auto within = refine::find_coverage(*posterior, pairs, region, 1);
  CHECK_FALSE(within.overconfident());
  const auto half = static_cast<double>(within.covered[0]) / static_cast<double>(pairs.rows);
  CHECK(std::abs(half - 0.5) < 0.2);
  CHECK(refine::find_coverage(*posterior, pairs, refine::Region(2, x), 1).overconfident());
}
