// From a config to a run folder and samples, by the library alone.
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "core/log.hpp"
#include "core/philox.hpp"
#include "experiment/experiment.hpp"
#include "experiment/open_posterior.hpp"
#include "experiment/runs.hpp"
#include "experiment/sampling.hpp"
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using Catch::Matchers::ContainsSubstring;
using test::TemporaryFolder;

namespace {

const std::string tiny_model =
    "strategy: {method: flow, model: flux1}\n"
    "model: {depth: 1, depth_single_blocks: 1, num_heads: 2, axes_dim: [4], mlp_ratio: 2, param_dtype: "
    "float32,\n"
    "        id_embedding_strategy: [absolute, absolute]}\n"
    "training: {nsteps: 4, batch_size: 8, val_every: 2, save_every: 2}\n";

// Trains that model on what the section `data` says.
void train_tiny(const std::string& run, const std::string& more) {
  core::log::set_level(core::log::Level::warning);
  experiment::start_run(config::parse_yaml(tiny_model + more, "tiny.yaml"), {run, false, {"cpu", "auto"}});
}

experiment::Experiment config_of(const std::string& run) {
  return experiment::read_experiment(config::load_yaml(run + "/config.yaml"));
}

void save_simulations(const std::string& path, uint64_t seed) {
  constexpr int64_t rows = 60;
  core::Philox random(seed, core::Purpose::test);
  std::vector<float> theta(rows * 2), x(rows * 3);
  for (auto* side : {&theta, &x}) {
    for (float& value : *side) value = static_cast<float>(random.normal());
  }
  io::save_arrays(path, {{"theta", io::Array::from(std::span<const float>(theta), {rows, 2})},
                         {"x", io::Array::from(std::span<const float>(x), {rows, 3})}});
}

}  // namespace

TEST_CASE("a run takes the task's prior where the config names none, and the config's own elsewhere",
          "[experiment][runs]") {
  const TemporaryFolder folder;
  train_tiny(folder.file("task"), "data: {task: two_moons, simulations: 100}\n");
  const auto of_task = config_of(folder.file("task")).prior;
  CHECK(of_task.kind == data::PriorKind::box);
  CHECK(of_task.low.front() == -1);
  CHECK(of_task.high.front() == 1);

  train_tiny(folder.file("own"),
             "data: {task: two_moons, simulations: 100}\nprior: {kind: box, low: [-3, -2], high: [3, 2]}\n");
  CHECK(config_of(folder.file("own")).prior.high == std::vector<double>{3, 2});
}

TEST_CASE("a run goes on only with the data that it was trained on", "[experiment][runs][errors]") {
  const TemporaryFolder folder;
  const std::string data = folder.file("data.npz"), run = folder.file("run");
  save_simulations(data, 1);
  train_tiny(run, "data: {file: " + data + ", validation_fraction: 0.2}\n");
  const auto trained = checkpoint::load_model(run + "/model.safetensors");
  CHECK(trained.shape.theta_dim == 2);
  CHECK(trained.shape.x_dim == 3);

  experiment::resume_run(run, {6, {}}, {"cpu", "auto"});
  CHECK(config_of(run).training.nsteps == 6);
  save_simulations(data, 2);
  CHECK_THROWS_WITH(experiment::resume_run(run, {8, {}}, {"cpu", "auto"}),
                    ContainsSubstring("are not those that the checkpoint was trained on"));
}

TEST_CASE("a run needs data, a folder of its own, and to resume a run's folder",
          "[experiment][runs][errors]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(train_tiny(folder.file("run"), ""), ContainsSubstring("tiny.yaml: no data: name a file"));
  test::write_file(folder.file("config.yaml"), "");
  CHECK_THROWS_WITH(train_tiny(folder.path(), "data: {task: two_moons}\n"),
                    ContainsSubstring("holds a run already"));
  CHECK_THROWS_WITH(experiment::resume_run(folder.file("absent"), {}, {}),
                    ContainsSubstring("is not a run folder (no config.yaml in it)"));
  CHECK_THROWS_WITH(experiment::resume_run(folder.file("config.yaml"), {}, {}),
                    ContainsSubstring("is a file"));
}

TEST_CASE("samples in a file are those that the posterior draws", "[experiment][runs][sampling]") {
  const TemporaryFolder folder;
  const std::string run = folder.file("run"), out = folder.file("samples.npz");
  train_tiny(run, "data: {task: two_moons, simulations: 100}\n");
  const std::vector<float> x{0.1F, 0.2F, -0.3F, 0.4F};
  io::save_arrays(folder.file("x.npz"), {{"x", io::Array::from(std::span<const float>(x), {2, 2})}});

  sample::Posterior posterior = experiment::open_posterior(run, {"cpu", "auto"}, "float32");
  auto options = posterior.sampling();
  options.reject = false;
  experiment::SamplingRequest request{run, folder.file("x.npz"), "", out, 5, 3, {}};
  const auto outcome = experiment::sample_to_file(posterior, request, options);
  CHECK(outcome.rows == 2);
  const auto expected = posterior.sample(std::vector<double>(x.begin(), x.end()), 2, 5, 3, 0, options);
  const auto saved = io::load_arrays(out).arrays;
  CHECK(saved.at("samples").to_float() == std::vector<float>(expected.values.begin(), expected.values.end()));

  request.given = request.x;
  CHECK_THROWS_WITH(experiment::sample_to_file(posterior, request, options),
                    ContainsSubstring("give --x or --given, not both"));
  request.x.clear();
  CHECK_THROWS_WITH(experiment::sample_to_file(posterior, request, options),
                    ContainsSubstring("cannot infer blank cells"));
  request.given.clear();
  CHECK_THROWS_WITH(experiment::sample_to_file(posterior, request, options),
                    ContainsSubstring("--x is missing"));
}
