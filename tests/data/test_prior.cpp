#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "config/reader.hpp"
#include "data/errors.hpp"
#include "data/prior/precision_prior.hpp"
#include "data/prior/prior.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::make_prior;
using data::PriorOptions;
using test::says;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double no_number = std::numeric_limits<double>::quiet_NaN();
constexpr double closed_form = 1e-14;  // relative; one rounded expression in double

const PriorOptions box{data::PriorKind::box, {-1, 0}, {1, 4}, {}, {}};
const PriorOptions normal{data::PriorKind::normal, {}, {}, {1, -2}, {0.5, 3}};
const PriorOptions lognormal{data::PriorKind::lognormal, {}, {}, {-0.125, -3}, {0.5, 0.5}};

using Point = std::vector<double>;

}  // namespace

TEST_CASE("a box has its density inside and on its faces, none outside", "[data][prior]") {
  const auto prior = make_prior(box, 2);
  const double density = -std::log(2.0) - std::log(4.0);
  REQUIRE(prior->bounded());
  for (const Point& inside : {Point{0, 1}, Point{-1, 0}, Point{1, 4}}) {
    REQUIRE(prior->in_support(inside));
    REQUIRE_THAT(prior->log_prob(inside), WithinRel(density, closed_form));
  }
  for (const Point& outside : {Point{std::nextafter(1.0, 2.0), 1}, Point{0, -1e-300}, Point{0, 4.0000001},
                               Point{no_number, 1}, Point{0, inf}}) {
    REQUIRE_FALSE(prior->in_support(outside));
    REQUIRE(prior->log_prob(outside) == -inf);
  }
}

TEST_CASE("the ends of a box are those that float32 makes of them, too", "[data][prior]") {
  const auto prior = make_prior({data::PriorKind::box, {0.1}, {0.7}, {}, {}}, 1);
  const auto open = make_prior({data::PriorKind::custom, {-inf}, {0.1}, {}, {}}, 1);
  for (const float value : {0.1F, 0.7F}) CHECK(prior->in_support(Point{value}));
  CHECK(open->in_support(Point{0.1F}));
  CHECK_FALSE(open->in_support(Point{0.1 + 1e-8}));
  CHECK_FALSE(open->in_support(Point{-inf}));
  const auto at_end = make_prior({data::PriorKind::box, {-0.1}, {0.1}, {}, {}}, 1);
  CHECK_THAT(at_end->log_prob(Point{0.1F}), WithinRel(-std::log(0.2), closed_form));
}

TEST_CASE("normal and lognormal densities are the hand-computed ones", "[data][prior]") {
  const auto gauss = make_prior(normal, 2);
  REQUIRE_FALSE(gauss->bounded());
  // z = (2, 1/3): -(4 + 1/9)/2 - log 0.5 - log 3 - log 2 pi
  REQUIRE_THAT(gauss->log_prob(Point{2, -1}),
               WithinRel(-(4 + 1.0 / 9) / 2 - std::log(1.5) - std::log(2 * M_PI), 1e-14));
  REQUIRE(gauss->log_prob(Point{no_number, 0}) == -inf);
  REQUIRE_FALSE(gauss->in_support(Point{inf, 0}));

  const auto log_gauss = make_prior(lognormal, 2);
  REQUIRE(log_gauss->bounded());
  // at the medians z = 0 and log theta = mu
  const double at_median = 0.125 + 3 - 2 * std::log(0.5) - std::log(2 * M_PI);
  REQUIRE_THAT(log_gauss->log_prob(Point{std::exp(-0.125), std::exp(-3.0)}), WithinRel(at_median, 1e-13));
  REQUIRE(log_gauss->log_prob(Point{0, 1}) == -inf);
  REQUIRE(log_gauss->log_prob(Point{1, -1}) == -inf);
  REQUIRE_FALSE(log_gauss->in_support(Point{1, 0}));
}

TEST_CASE("draws lie in the support and have the prior's moments", "[data][prior]") {
  constexpr int draws = 40000;
  constexpr double sigmas = 5;
  const struct {
    PriorOptions options;
    double mean, sd;  // of the first component; of its logarithm for lognormal
  } cases[] = {{box, 0, 2 / std::sqrt(12.0)}, {normal, 1, 0.5}, {lognormal, -0.125, 0.5}};
  for (const auto& [options, mean, sd] : cases) {
    CAPTURE(config::name_of(options.kind));
    const auto prior = make_prior(options, 2);
    double sum = 0, squares = 0;
    for (int i = 0; i < draws; ++i) {
      core::Philox random(7, core::Purpose::test, static_cast<uint64_t>(i));
      Point theta(2);
      prior->sample(random, theta);
      REQUIRE(prior->in_support(theta));
      const double value = options.kind == data::PriorKind::lognormal ? std::log(theta[0]) : theta[0];
      sum += value;
      squares += (value - mean) * (value - mean);
    }
    REQUIRE_THAT(sum / draws, WithinAbs(mean, sigmas * sd / std::sqrt(draws)));
    REQUIRE_THAT(std::sqrt(squares / draws), WithinAbs(sd, sigmas * sd / std::sqrt(2.0 * draws)));
  }
}

TEST_CASE("a custom prior is a support that may be open, without a density", "[data][prior]") {
  const auto prior = make_prior({data::PriorKind::custom, {0, -inf}, {inf, 1}, {}, {}}, 2);
  REQUIRE(prior->bounded());
  REQUIRE(prior->in_support(Point{0, -1e30}));
  REQUIRE_FALSE(prior->in_support(Point{-1e-9, 0}));
  REQUIRE_FALSE(prior->in_support(Point{inf, 0}));
  REQUIRE_USER_ERROR(prior->log_prob(Point{1, 0}), says("custom"));
  REQUIRE_FALSE(make_prior({data::PriorKind::custom, {-inf}, {inf}, {}, {}}, 2)->bounded());
}

TEST_CASE("a prior's options build the same prior again, through YAML", "[data][prior]") {
  const PriorOptions open{data::PriorKind::custom, {0, -inf}, {inf, 1}, {}, {}};
  for (const PriorOptions& options : {box, normal, lognormal, open}) {
    CAPTURE(config::name_of(options.kind));
    config::Writer writer;
    writer.add(data::prior_table(), make_prior(options, 2)->options());
    const auto document = config::parse_yaml(writer.text(), "prior.yaml");
    config::Reader reader(document);
    PriorOptions again;
    reader.read(data::prior_table(), again);
    REQUIRE(reader.finish().empty());
    REQUIRE(again.kind == options.kind);
    REQUIRE(again.low == options.low);
    REQUIRE(again.high == options.high);
    REQUIRE(again.mean == options.mean);
    REQUIRE(again.scale == options.scale);
  }
}

TEST_CASE("one entry stands for all components", "[data][prior]") {
  const auto prior = make_prior({data::PriorKind::box, {-1}, {2}, {}, {}}, 3);
  REQUIRE(prior->dim() == 3);
  REQUIRE(prior->options().low == Point{-1, -1, -1});
  REQUIRE(make_prior({}, 3) == nullptr);
  REQUIRE(data::prior_dim({data::PriorKind::box, {-1}, {2, 3}, {}, {}}) == 2);
  REQUIRE(data::prior_dim({}) == 0);
}

TEST_CASE("a prior that does not fit is refused with its key", "[data][prior]") {
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {0, 0, 0}, {1}, {}, {}}, 2),
                     says("prior.low has 3 entries, theta has 2"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {0}, {}, {}, {}}, 2),
                     says("prior.high has 0 entries"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {0, 1}, {1, 1}, {}, {}}, 2),
                     says("component 1 has 1 and 1"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {-inf}, {1}, {}, {}}, 2),
                     says("prior.low must hold finite numbers"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::normal, {}, {}, {0}, {0}}, 2),
                     says("prior.scale must be above 0"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::normal, {0}, {}, {0}, {1}}, 2),
                     says("prior.low has no meaning"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::none, {0}, {1}, {}, {}}, 2), says("prior.kind: none"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {no_number}, {1}, {}, {}}, 1), says("finite"));
  REQUIRE_USER_ERROR(make_prior({data::PriorKind::box, {1, 0}, {0, 1, 2}, {}, {}}, 2),
                     says("prior.high has 3") && says("prior.low must be below"));
}

TEST_CASE("a support is the product of its components' supports", "[data][prior]") {
  const auto box = make_prior({data::PriorKind::box, {0, 10}, {1, 20}, {}, {}}, 2);
  REQUIRE(box->component_in_support(0, 1));
  REQUIRE_FALSE(box->component_in_support(1, 1));
  REQUIRE(box->component_in_support(1, 20));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto kind : {data::PriorKind::normal, data::PriorKind::lognormal}) {
    const auto prior = make_prior({kind, {}, {}, {0}, {1}}, 2);
    REQUIRE(prior->component_in_support(1, 0.5));
    REQUIRE(prior->component_in_support(1, -0.5) == (kind == data::PriorKind::normal));
    REQUIRE_FALSE(prior->component_in_support(1, nan));
  }
}

TEST_CASE("a prior given by its precision has that density and those moments", "[data][prior]") {
  // B^-1 = [[2, -1], [-1, 1]], |B| = 1
  const auto prior = data::make_precision_prior(std::vector<double>{1, 1, 1, 2}, 2);
  REQUIRE_FALSE(prior->bounded());
  REQUIRE(prior->options().kind == data::PriorKind::none);
  const double at = -std::log(2 * M_PI) - 0.5 * (1 * 9 + 2 * 1 * 3 * -2 + 2 * 4);
  REQUIRE_THAT(prior->log_prob(Point{3, -2}), WithinRel(at, closed_form));
  REQUIRE(prior->log_prob(Point{no_number, 0}) == -inf);
  constexpr int draws = 40000;
  core::Philox random(3, core::Purpose::test);
  double square_0 = 0, product = 0, square_1 = 0;
  Point theta(2);
  for (int i = 0; i < draws; ++i) {
    prior->sample(random, theta);
    square_0 += theta[0] * theta[0] / draws;
    product += theta[0] * theta[1] / draws;
    square_1 += theta[1] * theta[1] / draws;
  }
  const double error = 5 / std::sqrt(draws);  // five sigma of (S_ii S_jj + S_ij^2) / n at most
  REQUIRE_THAT(square_0, WithinAbs(2, error * std::sqrt(8)));
  REQUIRE_THAT(product, WithinAbs(-1, error * std::sqrt(3)));
  REQUIRE_THAT(square_1, WithinAbs(1, error * std::sqrt(2)));
}

TEST_CASE("prior.transform confines to the ends of a bounded prior", "[data][prior][range]") {
  data::PriorOptions options{data::PriorKind::custom, {0, -inf}, {1, 5}, {}, {}, data::PriorTransform::logit};
  const auto prior = make_prior(options, 2);
  const data::Range range = data::transform_range(options, prior.get());
  REQUIRE(range.low == std::vector<double>{0, -inf});
  REQUIRE(range.high == std::vector<double>{1, 5});
  options.transform = data::PriorTransform::none;
  REQUIRE(data::transform_range(options, prior.get()).empty());
  const data::PriorOptions scales{data::PriorKind::lognormal, {}, {}, {0}, {1}, data::PriorTransform::logit};
  REQUIRE(data::transform_range(scales, make_prior(scales, 1).get()).low == std::vector<double>{0});
  const data::PriorOptions normal{data::PriorKind::normal, {}, {}, {0}, {1}, data::PriorTransform::logit};
  REQUIRE_USER_ERROR(data::transform_range(normal, make_prior(normal, 1).get()),
                     says("prior.transform: logit") && says("prior.kind: normal"));
  REQUIRE_USER_ERROR(
      data::transform_range({data::PriorKind::none, {}, {}, {}, {}, data::PriorTransform::logit}, nullptr),
      says("prior.kind: none"));
}
