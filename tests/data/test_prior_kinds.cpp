// The kinds of prior.parameters: densities, quantiles and draws of each.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "data/prior/prior.hpp"

using namespace fluxsbi;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using data::PriorPart;

namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();
constexpr double double_digits = 1e-11;  // relative, both libraries' distribution functions in double

using Numbers = std::vector<std::pair<std::string, std::vector<double>>>;
using PairList = std::vector<std::pair<double, double>>;

PriorPart part(const std::string& kind, const Numbers& numbers) {
  return {kind, {}, numbers};
}

data::PriorOptions options_of(std::vector<PriorPart> parts) {
  data::PriorOptions options;
  options.kind = data::PriorKind::parameters;
  options.parameters = data::PriorParts{std::move(parts)};
  return options;
}

std::unique_ptr<data::Prior> prior_of(const PriorPart& one) {
  return data::make_prior(options_of({one}), data::part_size(one));
}

/// log densities at values, and quantiles, by scipy.stats 1.17.1 (logpdf and ppf; the cut ones from cdf and
/// ppf of the whole distribution, the cut normals from truncnorm).
struct Case {
  PriorPart part;
  PairList log_densities, quantiles;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {part("uniform", {{"low", {-2}}, {"high", {3}}}),
       {{-1, -1.6094379124341003}, {2.5, -1.6094379124341003}},
       {{1e-6, -1.999995}, {.3, -0.5}, {.999, 2.995}}},
      {part("loguniform", {{"low", {1e-3}}, {"high", {10}}}),
       {{0.02, 1.6916961990602997}, {5, -3.829764718801947}},
       {{1e-6, 0.0010000092103827876}, {.3, 0.01584893192461114}, {.999, 9.908319448927694}}},
      {part("normal", {{"mean", {1}}, {"std", {.5}}}),
       {{.3, -1.2057913526447273}, {2.5, -4.725791352644727}},
       {{1e-6, -1.3767121544114493}, {.3, 0.7377997436459796}, {.999, 2.5451161530839066}}},
      {part("lognormal", {{"mean", {-.5}}, {"std", {.7}}}),
       {{.2, -0.20879759677687526}, {3, -4.268591438628634}},
       {{1e-6, 0.021766199019032564}, {.3, 0.4201765247858572}, {.999, 5.275970346126963}}},
      {part("halfnormal", {{"std", {2}}}),
       {{0, -0.9189385332046727}, {3, -2.0439385332046727}},
       {{1e-6, 2.506628274425445e-06}, {.3, 0.7706409328151355}, {.999, 6.581053462983851}}},
      {part("exponential", {{"rate", {2.5}}}),
       {{0, 0.916290731874155}, {3, -6.583709268125845}},
       {{1e-6, 4.000002000001334e-07}, {.3, 0.142669977575493}, {.999, 2.7631021115928545}}},
      {part("beta", {{"alpha", {2}}, {"beta", {.5}}}),
       {{.2, -1.7855482092287762}, {.9, 0.7582499583874158}},
       {{1e-6, 0.0016325486115276867}, {.3, 0.7386793743590722}, {.999, 0.9999995555554239}}},
      {part("beta", {{"alpha", {.7}}, {"beta", {4}}}),
       {{.2, 0.49717915034344623}, {.9, -6.192368693728945}},
       {{1e-6, 6.068098616278659e-10}, {.3, 0.04375419373943398}, {.999, 0.7909362561184325}}},
      {part("gamma", {{"shape", {2.5}}, {"rate", {3}}}),
       {{.1, -1.292029788293713}, {3, -4.89023371580048}},
       {{1e-6, 0.002149360034416181}, {.3, 0.49998468879331776}, {.999, 3.419167608738812}}},
      {part("gamma", {{"shape", {.4}}, {"rate", {.5}}}),
       {{.1, 0.25761436587066533}, {3, -3.233104063126628}},
       {{1e-6, 1.483070936512799e-15}, {.3, 0.07508377287484609}, {.999, 10.085217176919926}}},
      {part("student", {{"df", {3.5}}, {"mean", {1}}, {"scale", {.5}}}),
       {{-2, -5.7492862433758996}, {1.5, -0.8617838743315952}},
       {{1e-6, -29.52256060386031}, {.3, 0.7123306491138843}, {.999, 5.1577838022580575}}},
      {part("truncated_normal", {{"mean", {1}}, {"std", {.5}}, {"low", {0}}, {"high", {1.2}}}),
       {{.3, -0.7479875770876975}, {1.2, 0.15201242291230266}},
       {{1e-6, 5.858981946049724e-06}, {.3, 0.6012004984167387}, {.999, 1.1991413169701837}}},
      {part("truncated_normal", {{"mean", {1}}, {"std", {.5}}, {"low", {6}}}),  // ten standard deviations out
       {{6, 3.0054937978677483}, {6.5, -7.494506202132252}},
       {{1e-6, 6.000000049514323}, {.3, 6.0176300197993955}, {.999, 6.331264200394776}}},
      {part("gamma", {{"shape", {2.5}}, {"rate", {3}}, {"low", {.5}}, {"high", {2}}}),
       {{.5, 0.32979753539791623}, {1.5, -1.022284031599919}},
       {{.3, 0.7247248673351214}, {.9, 1.5335133018524207}}},
      {part("student", {{"df", {3.5}}, {"mean", {1}}, {"scale", {.5}}, {"high", {0}}}),
       {{-2, -2.985764472426712}, {-.1, 0.5135198025302343}},
       {{.3, -0.6285281712997144}, {.9, -0.05000486356532341}}},
      {part("lognormal", {{"mean", {-.5}}, {"std", {.7}}, {"low", {.5}}, {"high", {1.5}}}),
       {{.5, 0.7646295394854177}, {1, -0.14555250499467465}},
       {{.3, 0.6559375507857053}, {.9, 1.2567535494977848}}},
      {part("exponential", {{"rate", {2.5}}, {"low", {1}}, {"high", {2}}}),
       {{1, 1.0019412156161929}, {1.5, -0.24805878438380713}},
       {{.3, 1.1288401239520471}, {.9, 1.6997640036045718}}},
      {part("halfnormal", {{"std", {2}}, {"low", {1}}}),
       {{1, -0.5611739521709995}, {5, -3.561173952170999}},
       {{.3, 1.5717096115300508}, {.9, 3.73678319025327}}},
  };
  return all;
}

/// `count` draws of a component, sorted.
std::vector<double> draws_of(const data::Prior& prior, size_t component, int count) {
  std::vector<double> draws, theta(static_cast<size_t>(prior.dim()));
  for (int i = 0; i < count; ++i) {
    core::Philox random(11, core::Purpose::test, static_cast<uint64_t>(i));
    prior.sample(random, theta);
    REQUIRE(prior.in_support(theta));
    draws.push_back(theta[component]);
  }
  std::sort(draws.begin(), draws.end());
  return draws;
}

/// The largest distance between the draws' distribution function and the prior's, looked at on quantiles.
double kolmogorov_smirnov(const data::Prior& prior, size_t component, const std::vector<double>& sorted) {
  double largest = 0;
  constexpr int points = 400;
  for (int i = 1; i < points; ++i) {
    const double p = static_cast<double>(i) / points, at = prior.quantile(component, p);
    const auto below = std::upper_bound(sorted.begin(), sorted.end(), at) - sorted.begin();
    largest =
        std::max(largest, std::abs(static_cast<double>(below) / static_cast<double>(sorted.size()) - p));
  }
  return largest;
}

}  // namespace

TEST_CASE("each kind's density and quantiles are scipy's", "[data][prior][kinds]") {
  for (const auto& [one, log_densities, quantiles] : cases()) {
    CAPTURE(one.kind, one.numbers);
    const auto prior = prior_of(one);
    for (const auto& [at, expected] : log_densities) {
      REQUIRE(prior->in_support(std::vector<double>{at}));
      CHECK_THAT(prior->log_prob(std::vector<double>{at}), WithinRel(expected, double_digits));
    }
    for (const auto& [p, expected] : quantiles) CHECK_THAT(prior->quantile(0, p), WithinRel(expected, 1e-9));
  }
}

TEST_CASE("each kind's density integrates to 1 and to its own quantiles", "[data][prior][kinds]") {
  for (const Case& one : cases()) {
    CAPTURE(one.part.kind, one.part.numbers);
    const auto prior = prior_of(one.part);
    // Between two quantiles p apart lies the probability p: midpoints of a fine grid, in the scale of the
    // quantiles.
    constexpr int cells = 20000;
    for (const auto& [from, to] : PairList{{.05, .35}, {.35, .8}, {.8, .97}}) {
      const double low = prior->quantile(0, from), high = prior->quantile(0, to),
                   width = (high - low) / cells;
      double sum = 0;
      for (int i = 0; i < cells; ++i)
        sum += std::exp(prior->log_prob(std::vector<double>{low + (i + 0.5) * width})) * width;
      CHECK_THAT(sum, WithinAbs(to - from, 2e-5));
    }
  }
}

TEST_CASE("each kind's draws follow its quantiles", "[data][prior][kinds]") {
  constexpr int count = 20000;
  const double limit = 1.95 / std::sqrt(count);  // exceeded with probability 1e-3, and the seed is fixed
  for (const Case& one : cases()) {
    CAPTURE(one.part.kind, one.part.numbers);
    const auto prior = prior_of(one.part);
    const auto draws = draws_of(*prior, 0, count);
    CHECK(kolmogorov_smirnov(*prior, 0, draws) < limit);
    const auto [low, high] = prior->ends(0);
    CHECK(draws.front() >= low);
    CHECK(draws.back() <= high);
    CHECK(prior->bounded() == (std::isfinite(low) || std::isfinite(high)));
  }
}

TEST_CASE("a cut that is far away changes nothing", "[data][prior][kinds]") {
  const auto whole = prior_of(part("normal", {{"mean", {1}}, {"std", {.1}}}));
  for (const double far : {1e3, 1e20, 1e300}) {
    const auto both =
        prior_of(part("normal", {{"mean", {1}}, {"std", {.1}}, {"low", {-far}}, {"high", {far}}}));
    const auto upper =
        prior_of(part("truncated_normal", {{"mean", {1}}, {"std", {.1}}, {"low", {-1}}, {"high", {far}}}));
    const auto half = prior_of(part("halfnormal", {{"std", {.1}}, {"high", {far}}}));
    for (const double p : {1e-6, .3, .999}) {
      CHECK_THAT(both->quantile(0, p), WithinRel(whole->quantile(0, p), 1e-9));
      CHECK_THAT(upper->quantile(0, p), WithinRel(whole->quantile(0, p), 1e-9));
      CHECK_THAT(half->quantile(0, p), WithinRel(whole->quantile(0, .5 + p / 2) - 1, 1e-9));
    }
  }
}

TEST_CASE("ends belong to the support, as float32 writes them, too", "[data][prior][kinds]") {
  const auto prior = prior_of(part("uniform", {{"low", {-.7}}, {"high", {.1}}}));
  REQUIRE(static_cast<double>(0.1F) > 0.1);
  REQUIRE(static_cast<double>(-0.7F) > -0.7);
  for (const double end : {-.7, .1, static_cast<double>(.1F)}) {
    CHECK(prior->in_support(std::vector<double>{end}));
    CHECK_THAT(prior->log_prob(std::vector<double>{end}), WithinRel(-std::log(.8), 1e-12));
  }
  for (const double outside : {.1 + 1e-8, -.7 - 1e-8, no_end, std::nan("")}) {
    CHECK_FALSE(prior->in_support(std::vector<double>{outside}));
    CHECK(prior->log_prob(std::vector<double>{outside}) == -no_end);
  }
  CHECK(prior_of(part("gamma", {{"shape", {1}}, {"rate", {2}}}))->log_prob(std::vector<double>{0}) ==
        std::log(2));
  CHECK(prior_of(part("beta", {{"alpha", {1}}, {"beta", {1}}}))->log_prob(std::vector<double>{1}) == 0);
}

TEST_CASE("kinds for all components and kinds of parameters agree", "[data][prior][kinds]") {
  const auto whole = data::make_prior({data::PriorKind::lognormal, {}, {}, {-.5, 1}, {.7, 2}}, 2);
  const auto parts = data::make_prior(options_of({part("lognormal", {{"mean", {-.5}}, {"std", {.7}}}),
                                                  part("lognormal", {{"mean", {1}}, {"std", {2}}})}),
                                      2);
  std::vector<double> a(2), b(2);
  core::Philox one(3, core::Purpose::test), other(3, core::Purpose::test);
  for (int i = 0; i < 5; ++i) {
    whole->sample(one, a);
    parts->sample(other, b);
    CHECK(a == b);
    CHECK_THAT(whole->log_prob(a), WithinRel(parts->log_prob(b), 1e-14));
  }
  CHECK_THAT(whole->quantile(1, .3), WithinRel(parts->quantile(1, .3), 1e-14));
}

TEST_CASE("a multivariate normal has scipy's density, its covariance and its marginals",
          "[data][prior][kinds]") {
  const auto by_covariance =
      part("multivariate_normal", {{"mean", {1, -2}}, {"covariance", {2, -.6, -.6, .5}}});
  const auto by_scale =
      part("multivariate_normal",
           {{"mean", {1, -2}}, {"scale", {std::sqrt(2), std::sqrt(.5)}}, {"correlation", {1, -.6, -.6, 1}}});
  for (const PriorPart& one : {by_covariance, by_scale}) {
    const auto prior = prior_of(one);
    REQUIRE(prior->dim() == 2);
    CHECK_FALSE(prior->bounded());
    CHECK_THAT(prior->log_prob(std::vector<double>{.5, -1}), WithinRel(-2.806139765095136, double_digits));
    CHECK_THAT(prior->quantile(0, .3), WithinRel(0.258385682812884, 1e-9));
    for (const size_t component : {0, 1})
      CHECK(kolmogorov_smirnov(*prior, component, draws_of(*prior, component, 20000)) <
            1.95 / std::sqrt(20000));
  }
  const auto prior = prior_of(by_covariance);
  core::Philox random(4, core::Purpose::test);
  double product = 0;
  std::vector<double> theta(2);
  for (int i = 0; i < 40000; ++i) {
    prior->sample(random, theta);
    product += (theta[0] - 1) * (theta[1] + 2) / 40000;
  }
  CHECK_THAT(product, WithinAbs(-.6, 5 * std::sqrt((2 * .5 + .36) / 40000)));
}

TEST_CASE("a Dirichlet is a density on the first fractions", "[data][prior][kinds][dirichlet]") {
  const auto prior = prior_of(part("dirichlet", {{"concentration", {2, .7, 3}}}));
  REQUIRE(prior->dim() == 2);
  CHECK(prior->bounded());
  CHECK(prior->ends(1) == std::pair<double, double>(0, 1));
  CHECK_THAT(prior->log_prob(std::vector<double>{.5, .2}), WithinRel(0.7116918124583806, double_digits));
  CHECK_THAT(prior->quantile(1, .3), WithinRel(0.03491193340188308, 1e-9));
  for (const size_t component : {0, 1})
    CHECK(kolmogorov_smirnov(*prior, component, draws_of(*prior, component, 20000)) <
          1.95 / std::sqrt(20000));
  // It integrates to 1 over the triangle where no density is infinite.
  const auto smooth = prior_of(part("dirichlet", {{"concentration", {2, 1.5, 3}}}));
  constexpr int cells = 1000;
  double sum = 0;
  for (int i = 0; i < cells; ++i) {
    for (int j = 0; i + j < cells; ++j) {
      const double share = i + j == cells - 1 ? 0.5 : 1;  // cells on the diagonal
      const double inside = i + j == cells - 1 ? 1.0 / 3 : 0.5;
      sum +=
          share * std::exp(smooth->log_prob(std::vector<double>{(i + inside) / cells, (j + inside) / cells}));
    }
  }
  CHECK_THAT(sum / (cells * cells), WithinAbs(1, 1e-3));
}

TEST_CASE("given fractions bound the inferred ones of a Dirichlet", "[data][prior][kinds][dirichlet]") {
  const auto prior = data::make_prior(options_of({part("normal", {{"mean", {0}}, {"std", {1}}}),
                                                  part("dirichlet", {{"concentration", {1, 1, 1}}})}),
                                      3);
  using Theta = std::vector<double>;
  using Given = std::vector<uint8_t>;
  CHECK(prior->in_support(Theta{5, .5, .5}));
  CHECK_FALSE(prior->in_support(Theta{5, .5, .6}));
  CHECK_FALSE(prior->in_support(Theta{5, -.1, .6}));
  CHECK(prior->log_prob(Theta{5, .5, .6}) == -no_end);
  // .6 is given: .5 beside it is too much, although it lies in the support of its component.
  CHECK(prior->component_in_support(1, .5));
  CHECK_FALSE(prior->in_support(Theta{5, .5, .6}, Given{0, 0, 1}));
  CHECK(prior->in_support(Theta{5, .4, .6}, Given{0, 0, 1}));
  CHECK(prior->in_support(Theta{5, .5, .6}, Given{0, 1, 1}));  // what is given is not judged
  CHECK(prior->in_support(Theta{5, 1, 1e-8}));                 // what float32 makes of a sum of 1
  CHECK_FALSE(prior->between_exact_ends(Theta{5, 1, 1e-8}));
  const double open = std::nan("");
  CHECK(prior->admits(Theta{open, open, 1}));
  CHECK(prior->admits(Theta{9, .3, .7}));
  CHECK_FALSE(prior->admits(Theta{open, .4, .7}));
  CHECK_FALSE(prior->admits(Theta{open, open, 1.1}));
  CHECK(prior->admits(Theta{open, open, open}));
}
