// Draws and log-densities of pairs, and what is asked at an observation, of models whose posterior is known.
#include <cmath>
#include <numbers>

#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "core/log.hpp"
#include "diagnose/moments.hpp"
#include "evidence/gather.hpp"
#include "evidence/observed.hpp"
#include "evidence/question.hpp"
#include "evidence/tiny_model.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/user_error.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;
using evidence::gather;
using evidence::make_question;

namespace {

// Draws are float32 of size 5.
constexpr double sample_tolerance = 1e-5;

evidence::GatherOptions few(const sample::Posterior& posterior) {
  core::log::set_level(core::log::Level::warning);
  evidence::GatherOptions options;
  options.draws = 12;
  options.density_draws = 5;
  options.sampling = posterior.sampling();
  return options;
}

double normal_log_density(double value, double mean, double sd) {
  const double z = (value - mean) / sd;
  return -0.5 * z * z - std::log(sd * std::sqrt(2 * std::numbers::pi));
}

double right_log_density(const double* theta) {
  return normal_log_density(theta[0], test::first_mean, test::first_sd) +
         normal_log_density(theta[1], test::second_mean, test::second_sd);
}

const diagnose::Needs pairs_alone{.pairs = true}, with_densities{.pairs = true, .densities = true};

}  // namespace

TEST_CASE("draws [pairs, draws, theta] are those of the sampler, and nothing is gathered unasked",
          "[evidence]") {
  auto posterior = test::posterior_of(test::still_model());
  const auto question = make_question(posterior, {});
  const auto pairs = test::still_pairs(9, 0, 1);
  const auto options = few(posterior);
  const auto found = gather(posterior, question, pairs, pairs_alone, options);
  CHECK(found.names == std::vector<std::string>{"a", "b"});
  CHECK(found.x_names == std::vector<std::string>{"x_0", "x_1", "x_2"});
  CHECK(found.pairs == 9);
  CHECK(found.draws == 12);
  CHECK(found.theta == pairs.theta);
  CHECK(found.x == pairs.x);
  REQUIRE(found.samples.size() == 9 * 12 * 2);
  CHECK(found.log_theta.empty());
  CHECK(found.log_samples.empty());
  const auto all = posterior.sample(pairs.x, 9, 12, options.seed, 0, options.sampling);
  for (size_t i = 0; i < found.samples.size(); ++i)
    CHECK_THAT(found.samples[i], WithinAbs(all.values[i], sample_tolerance));
  const auto none = gather(posterior, question, pairs, {}, options);
  CHECK(none.samples.empty());
}

TEST_CASE("log-densities are those of the first draws of each pair and of theta*", "[evidence]") {
  auto posterior = test::posterior_of(test::still_model());
  const auto pairs = test::still_pairs(9, 0, 1);
  const auto found = gather(posterior, make_question(posterior, {}), pairs, with_densities, few(posterior));
  CHECK(found.density_draws == 5);
  REQUIRE(found.log_theta.size() == 9);
  REQUIRE(found.log_samples.size() == 9 * 5);
  for (size_t n = 0; n < 9; ++n) {
    CHECK_THAT(found.log_theta[n], WithinAbs(right_log_density(&pairs.theta[2 * n]), 1e-4));
    for (size_t l = 0; l < 5; ++l)
      CHECK_THAT(found.log_samples[5 * n + l],
                 WithinAbs(right_log_density(&found.samples[(12 * n + l) * 2]), 1e-4));
  }
}

TEST_CASE("the prior is drawn from where the model knows one, else it is theta of the pairs", "[evidence]") {
  auto file = test::still_model();
  const auto pairs = test::still_pairs(9, 0, 1);
  auto without = test::posterior_of(file);
  const auto unknown = gather(without, make_question(without, {}), pairs, {}, few(without));
  CHECK_FALSE(unknown.prior_known);
  CHECK(unknown.prior == pairs.theta);
  file.config += "prior: {kind: box, low: [0, -4], high: [10, -2]}\n";
  auto with = test::posterior_of(file);
  const auto known = gather(with, make_question(with, {}), pairs, pairs_alone, few(with));
  CHECK(known.prior_known);
  REQUIRE(known.prior.size() == 20000);
  CHECK(known.low == std::vector<double>{0, -4});
  CHECK(known.high == std::vector<double>{10, -2});
  CHECK_THAT(diagnose::moments_of(known.prior, 0, 2).mean, WithinAbs(5, 0.1));
  for (size_t i = 1; i < known.samples.size(); i += 2)
    CHECK((known.samples[i] >= -4 && known.samples[i] <= -2));
}

TEST_CASE("any conditional of a joint model has its own names, draws and densities", "[evidence]") {
  auto posterior = test::posterior_of(test::still_joint_model());
  const auto pairs = test::still_pairs(6, 0, 1);
  const auto question = make_question(posterior, {"a", "x_1"});
  CHECK(evidence::given_text(question) == "a, x_1");
  CHECK(evidence::folder_name(question) == "given_a_x_1");
  const auto own = make_question(posterior, {});
  CHECK(evidence::given_text(own).empty());
  CHECK(evidence::folder_name(own).empty());
  CHECK_FALSE(question.theta_given_x);
  const auto found = gather(posterior, question, pairs, with_densities, few(posterior));
  CHECK(found.names == std::vector<std::string>{"b", "x_0", "x_2"});
  CHECK(found.x_names == std::vector<std::string>{"a", "x_1"});
  REQUIRE(found.samples.size() == 6 * 12 * 3);
  for (size_t n = 0; n < 6; ++n) {
    CHECK(found.theta[3 * n + 1] == pairs.x[3 * n]);
    CHECK(found.x[2 * n] == pairs.theta[2 * n]);
    const double right = normal_log_density(found.theta[3 * n], test::second_mean, test::second_sd) +
                         normal_log_density(found.theta[3 * n + 1], 0, 2) +
                         normal_log_density(found.theta[3 * n + 2], 0, 2);
    CHECK_THAT(found.log_theta[n], WithinAbs(right, 1e-4));
  }
  CHECK_THAT(test::error_of([&] {
               make_question(posterior, {"a", "a"});
             }),
             ContainsSubstring("stands twice"));
  CHECK_THAT(test::error_of([&] { make_question(posterior, {"c"}); }), ContainsSubstring("no column 'c'"));
  auto alone = test::posterior_of(test::still_model());
  CHECK_THAT(test::error_of([&] { make_question(alone, {"a"}); }),
             ContainsSubstring("knows no other conditional"));
}

TEST_CASE("x with missing values is answered by a model that knows them", "[evidence]") {
  auto posterior = test::posterior_of(test::still_model(true));
  auto pairs = test::still_pairs(6, 0, 1);
  pairs.x[4] = std::nan("");
  const auto found = gather(posterior, make_question(posterior, {}), pairs, with_densities, few(posterior));
  CHECK(found.samples.size() == 6 * 12 * 2);
  CHECK(std::isnan(found.x[4]));
  for (const double value : found.samples) CHECK(std::isfinite(value));
  for (const double value : found.log_theta) CHECK(std::isfinite(value));
}

TEST_CASE("at an observation the same noise is taken with twice the steps", "[evidence]") {
  auto posterior = test::posterior_of(test::still_model());
  evidence::ObservedOptions observed;
  observed.draws = 50;
  const evidence::ObservedRows rows{{0.5, 1, -1}, {"here"}};
  const auto found =
      evidence::observe(posterior, rows, {.observation = true, .fine = true}, observed, few(posterior));
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "here");
  CHECK(found[0].x == rows.x);
  CHECK(found[0].theta.size() == 100);
  CHECK(found[0].draws_coarse == found[0].draws_fine);  // nothing moves
  CHECK(found[0].evaluations == 8);                     // rk4 with 2 steps
  CHECK(found[0].evaluations_fine == 16);
  CHECK(found[0].outside == 0);
  CHECK(found[0].predictive.empty());
  // Other noise than that of the pairs.
  const auto pair = posterior.sample(rows.x, 1, 50, 1, 0, posterior.sampling());
  CHECK(found[0].theta != pair.values);
  const auto plain = evidence::observe(posterior, rows, {.observation = true}, observed, few(posterior));
  CHECK(plain[0].draws_fine.empty());
  CHECK(plain[0].theta == found[0].theta);
}

TEST_CASE("draws beyond the prior's support are counted at an observation", "[evidence]") {
  auto file = test::still_model();
  file.config += "prior: {kind: box, low: [5, -10], high: [20, 10]}\n";  // half of a's draws
  auto posterior = test::posterior_of(file);
  evidence::ObservedOptions observed;
  observed.draws = 400;
  const auto found = evidence::observe(posterior, {{0, 0, 0}, {"here"}}, {.observation = true, .fine = true},
                                       observed, few(posterior));
  CHECK(found[0].outside > 250);
  CHECK(found[0].outside < 600);
  for (size_t i = 0; i < found[0].theta.size(); i += 2) CHECK(found[0].theta[i] >= 5);
  CHECK(diagnose::moments_of(found[0].draws_coarse, 0, 2).mean < 5.2);  // nothing is drawn again there
}

TEST_CASE("rows of a file of observations are named, and few of many are taken", "[evidence]") {
  const test::TemporaryFolder folder;
  const auto posterior = test::posterior_of(test::still_model());
  const auto write = [&](int64_t rows) {
    const std::vector<double> x(static_cast<size_t>(3 * rows), 0.5);
    io::save_arrays(folder.file("x.npz"), {{"x", io::Array::from(std::span<const double>(x), {rows, 3})}});
  };
  write(3);
  CHECK(evidence::read_observed(posterior, folder.file("x.npz"), -1).names.size() == 3);
  const auto one = evidence::read_observed(posterior, folder.file("x.npz"), 1);
  REQUIRE(one.names.size() == 1);
  CHECK_THAT(one.names[0], ContainsSubstring("x.npz, row 1"));
  CHECK(one.x.size() == 3);
  CHECK_THAT(test::error_of([&] { evidence::read_observed(posterior, folder.file("x.npz"), 3); }),
             ContainsSubstring("--row 3") && ContainsSubstring("3 rows, counted from 0"));
  write(12);
  CHECK(evidence::read_observed(posterior, folder.file("x.npz"), -1).names.size() == 10);
  CHECK_FALSE(evidence::can_simulate(folder.path()));
}
