// The way in from C++: plain types in, plain types out.
#include <cmath>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "experiment/fluxsbi.hpp"
#include "io/files.hpp"
#include "sample/posterior.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::TemporaryFolder;

namespace {

constexpr int64_t row_count = 80;

Simulations random_simulations() {
  core::Philox random(4, core::Purpose::test);
  Simulations simulations{
      row_count, {2}, {3}, std::vector<double>(row_count * 2), std::vector<double>(row_count * 3)};
  for (double& value : simulations.theta) value = static_cast<float>(random.normal());
  for (double& value : simulations.x) value = static_cast<float>(random.normal());
  return simulations;
}

TrainingSettings few_steps() {
  TrainingSettings settings;
  settings.config =
      "strategy: {method: flow, model: flux1}\n"
      "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], param_dtype: float32,\n"
      "        id_embedding_strategy: [absolute, absolute]}\n";
  settings.set = {"training.nsteps=4", "training.batch_size=8", "training.val_every=2",
                  "data.validation_fraction=0.2", "data.names.theta=[a, b]"};
  settings.device = "cpu";
  return settings;
}

}  // namespace

TEST_CASE("a C++ program trains on simulations in memory and draws what the model's posterior draws",
          "[experiment][cpp]") {
  const TemporaryFolder folder;
  log_warnings_only();
  const std::string run = folder.file("run");
  train_posterior(random_simulations(), run, few_steps());
  const Simulations kept = load_simulations(run + "/simulations.npz");
  CHECK(kept.theta == random_simulations().theta);
  CHECK(kept.x_shape == std::vector<int64_t>{3});

  const Posterior posterior(run, "cpu");
  CHECK(posterior.theta_size() == 2);
  CHECK(posterior.x_size() == 3);
  CHECK(posterior.theta_names() == std::vector<std::string>{"a", "b"});
  const std::vector<double> x(kept.x.begin(), kept.x.begin() + 6);
  const auto samples = posterior.sample(x, 5, 9);
  CHECK(samples == posterior.model().sample(x, 2, 5, 9, 0, posterior.model().sampling()).values);
  CHECK(samples.size() == 2 * 5 * 2);

  const auto one_for_all = posterior.log_prob(samples, std::span(x).first(3));
  REQUIRE(one_for_all.size() == 10);
  const auto pairs = posterior.log_prob(std::span(samples).first(4), x);
  REQUIRE(pairs.size() == 2);
  CHECK(std::isfinite(pairs[0]));
  CHECK(std::abs(pairs[0] - one_for_all[0]) < 1e-4);  // the solver's tolerance

  CHECK(posterior.unlike_training(x).empty());
  const auto unlike = posterior.unlike_training(std::vector<double>{0, 0, 0, 90, 0, 0});
  REQUIRE(unlike.size() == 1);
  CHECK_THAT(unlike[0], ContainsSubstring("row 1: x_0 = 90 is"));
  CHECK_THROWS_AS(posterior.unlike_training(std::vector<double>(4)), core::UserError);

  resume_training(run);  // has finished: nothing changes
  CHECK(Posterior(run, "cpu").sample(x, 5, 9) == samples);
}

TEST_CASE("what does not fit is said by exceptions", "[experiment][cpp][errors]") {
  const TemporaryFolder folder;
  Simulations torn = random_simulations();
  torn.x.pop_back();
  CHECK_THROWS_WITH(train_posterior(torn, folder.file("run"), few_steps()),
                    ContainsSubstring("simulations: 239 values do not fill 240"));
  io::save_arrays(folder.file("short.npz"),
                  {{"theta", io::Array::from(std::span<const float>(std::vector<float>(4)), {2, 2})},
                   {"x", io::Array::from(std::span<const float>(std::vector<float>(3)), {3, 1})}});
  CHECK_THROWS_WITH(load_simulations(folder.file("short.npz")),
                    ContainsSubstring("theta has 2 rows and x 3"));
  CHECK_THROWS_AS(load_simulations(folder.file("absent.npz")), core::UserError);
  CHECK_THROWS_AS(Posterior(folder.file("absent")), core::UserError);

  train_posterior(random_simulations(), folder.file("run"), few_steps());
  CHECK_THROWS_WITH(train_posterior(random_simulations(), folder.file("run"), few_steps()),
                    ContainsSubstring("holds a run already"));
  const Posterior posterior(folder.file("run"), "cpu");
  CHECK_THROWS_WITH(posterior.sample(std::vector<double>(4), 1),
                    ContainsSubstring("the model needs 1 rows of 3"));
  CHECK_THROWS_WITH(posterior.log_prob(std::vector<double>(6), std::vector<double>(6)),
                    ContainsSubstring("log_prob needs as many theta"));
}
