// Steps in steady state: what they ask of the device, counted.
#include <cmath>
#include <iostream>
#include <memory>
#include <numeric>
#include <span>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "experiment/estimator.hpp"
#include "model/embedding/embedded_network.hpp"
#include "pretend/models.hpp"
#include "pretend/on_device.hpp"
#include "sample/density/density_stream.hpp"
#include "sample/solver/solver.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"
#include "train/tensor_rows.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::test {
namespace {

// Training steps of a config on the device, without a trainer around them.
struct Steps {
  explicit Steps(const std::string& config, int64_t batch = 16, int64_t multistep = 1) {
    auto estimator = experiment::read_estimator(config::parse_yaml(config, "config"));
    const data::DataShape shape{2, 1, 2, 1, {}, {}};
    model::resolve(*estimator.model, estimator.embedding, shape);
    auto network = model::build_network(*estimator.model, estimator.embedding);
    network->initialise(1);
    const bool joint = network->joint();
    const at::Device device = pretend_device();
    engine = engine::make_engine(std::move(network), at::kFloat, device);
    method = estimator.method->build();
    const at::Tensor theta = at::sin(at::arange(200, at::kFloat)).view({100, 2, 1}).to(device);
    data.training =
        joint ? train::tensor_rows(at::cat({theta, theta * 2}, 1), {}) : train::tensor_rows(theta, theta * 2);
    if (joint) data.condition_mask.emplace(estimator.condition_mask, 2, 2, device);
    data.condition_drop_rate = estimator.strategy.condition_drop_rate;
    if (estimator.strategy.levels == method::Levels::learned) {
      data.levels = method->training_levels();
      table = std::make_unique<method::LevelTable>(*data.levels, device);
    }
    options.batch_size = batch;
    options.multistep = multistep;
    optimiser = std::make_unique<train::Optimiser>(engine->parameters(), engine->parameters().master.clone(),
                                                   optimizer, options.ema_decay);
    step = std::make_unique<train::TrainingStep>(*engine, *method, data, *optimiser, options);
    step->levels = table.get();
  }

  pretend::Counts steady(engine::StepRunner& runner) {
    constexpr int64_t warm_up = 4;
    for (int64_t i = 0; i < warm_up; ++i) step->run(runner, i, 1e-3);
    return counts_of([&] { step->run(runner, warm_up, 1e-3); });
  }

  train::TrainingData data;
  train::TrainingOptions options;
  train::OptimizerOptions optimizer;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<method::Method> method;
  std::unique_ptr<method::LevelTable> table;
  std::unique_ptr<train::Optimiser> optimiser;
  std::unique_ptr<train::TrainingStep> step;
};

// The network of the measurements in docs/performance.md.
const std::string reference_flux1 =
    "strategy: {method: flow, model: flux1}\n"
    "model: {num_heads: 4, axes_dim: [10], mlp_ratio: 4, depth: 4, depth_single_blocks: 8, param_dtype: "
    "float32}\n";

TEST_CASE("a training step in steady state waits for nothing and takes no new memory", "[pretend][steps]") {
  const auto runner = engine::make_direct_runner();
  for (const std::string& model : all_models) {
    for (const std::string& method : all_methods) {
      for (const std::string& strategy : {std::string(), std::string(", levels: learned")}) {
        if (!strategy.empty() && model != "flux1") continue;  // the levels' table knows no network
        CAPTURE(model, method, strategy);
        const pretend::Counts counts =
            Steps(estimator_config(model, method, {strategy, "", ""}), 16, 2).steady(*runner);
        CHECK(counts.waits == 0);
        CHECK(counts.waited_for.empty());
        CHECK(counts.new_blocks == 0);
        CHECK(counts.kernels > 100);
      }
    }
  }
}

TEST_CASE("a recorded training step is one launch: no operator beside the noise and no allocation",
          "[pretend][steps]") {
  for (const std::string& model : all_models) {
    CAPTURE(model);
    const auto runner = engine::make_step_runner(pretend_device());
    Steps steps(estimator_config(model, "flow"));
    const pretend::Counts counts = steps.steady(*runner);
    CHECK(counts.waits == 0);
    CHECK(counts.requests == 0);
    CHECK(counts.kernels <= 8);  // of the noise, which is drawn outside of the graph
    CHECK(counts.uploads == 3);  // row numbers, the step's number and the optimiser's scalars
  }
}

// One chunk of samples by `steps` steps of a solver on the device; counts of the second.
pretend::Counts chunk_counts(const checkpoint::ModelFile& file, const std::string& solver, int64_t steps) {
  auto posterior = posterior_on("cuda", file);
  auto options = posterior.sampling();
  options.solver = solver;
  options.steps = steps;
  options.reject = false;
  const auto x = observations(4, posterior.shape().x_dim);
  const auto draw = [&] { posterior.sample(x, 4, 8, 11, 0, options); };
  draw();
  return counts_of(draw);
}

TEST_CASE("a sampling step waits for nothing and takes no new memory", "[pretend][steps]") {
  for (const std::string& model : all_models) {
    for (const std::string& method : all_methods) {
      const auto file = random_model(estimator_config(model, method));
      for (const std::string solver : {"heun", "euler", "adams_bashforth", "dpmpp_2m"}) {
        if (model != "flux1" && solver != "heun") continue;  // which solver does not know which network
        CAPTURE(model, method, solver);
        const auto few = chunk_counts(file, solver, 3), more = chunk_counts(file, solver, 5);
        CHECK(more.waits == few.waits);
        CHECK((more - few).waited_for.empty());
        CHECK(more.new_blocks == 0);
      }
    }
  }
}

TEST_CASE("a recorded chunk is a copy of its noise and its conditions, and one launch", "[pretend][steps]") {
  for (const std::string& model : all_models) {
    CAPTURE(model);
    auto posterior = posterior_on("cuda", random_model(estimator_config(model, "flow")));
    auto options = posterior.sampling();
    options.solver = "heun";
    options.steps = 2;
    options.reject = false;
    options.chunk = 8;
    const auto counts = [&](int64_t rows) {
      return counts_of([&] { posterior.sample(observations(rows), rows, 8, 11, 0, options); });
    };
    counts(4);  // tables of the network go to the device
    const pretend::Counts ten = counts(10), twenty_chunks = counts(30) - ten;
    CHECK(twenty_chunks.waits == 20);  // for each chunk's samples
    CHECK(twenty_chunks.new_blocks == 0);
    CHECK(twenty_chunks.kernels <= 20 * 8);
    CHECK(twenty_chunks.uploads <= 20 * 3);
  }
}

TEST_CASE("a recorded chunk of log-densities is a copy of its points and conditions, and one launch",
          "[pretend][steps][density]") {
  constexpr int64_t chunk = 4, chunks = 20, first_replayed = 8;
  std::vector<double> theta;
  for (int64_t i = 0; i < 2 * chunks * chunk; ++i) theta.push_back(5 + std::sin(static_cast<double>(i)));
  const Threads one(1);
  for (const std::string& model : all_models) {
    for (const bool exact : {true, false}) {
      if (!exact && model != "flux1") continue;  // the probes know no network
      CAPTURE(model, exact);
      const auto file = random_model(estimator_config(model, "flow"));
      auto here = posterior_on("cpu", file), there = posterior_on("cuda", file);
      auto options = there.sampling();
      options.solver = "midpoint";
      options.steps = 2;
      options.chunk = chunk;
      const auto x = observations(chunks * chunk);
      const auto densities = [&](sample::Posterior& posterior, int64_t first, int64_t count) {
        const auto rows = static_cast<size_t>(count * chunk), begin = static_cast<size_t>(first * chunk);
        return posterior
            .log_prob(std::span(theta).subspan(2 * begin, 2 * rows), count * chunk,
                      std::span(x).subspan(3 * begin, 3 * rows), count * chunk, {exact, 2, 5}, options)
            .values;
      };
      std::vector<double> found;
      pretend::Counts replayed;
      there.with_densities(x, chunks * chunk, {exact, 2, 5}, options, [&](sample::DensityStream& stream) {
        std::vector<int64_t> numbers(chunks * chunk);
        std::iota(numbers.begin(), numbers.end(), int64_t{0});
        const auto add = [&](size_t first, size_t count) {
          stream.add(std::span(theta).subspan(2 * first, 2 * count),
                     std::span(numbers).subspan(first, count));
        };
        add(0, first_replayed * chunk);
        replayed = counts_of([&] { add(first_replayed * chunk, (chunks - first_replayed) * chunk); });
        stream.end_part();
        found = stream.take().values;
      });
      CHECK(replayed.waits ==
            (chunks - first_replayed) * (exact ? 1 : 2));  // for each chunk's values and errors
      CHECK(replayed.new_blocks == 0);
      CHECK(replayed.kernels <= (chunks - first_replayed) * 9);
      CHECK(replayed.uploads <= (chunks - first_replayed) * 3);
      CHECK(largest_difference(found, densities(here, 0, chunks)) < 1e-3);
      if (!exact) continue;                      // probes are keyed by the row
      for (const int64_t number : {0, 3, 19}) {  // alone a chunk is not recorded
        const auto alone = densities(there, number, 1);
        CHECK(largest_difference(alone,
                                 std::span(found).subspan(static_cast<size_t>(number * chunk), chunk)) == 0);
      }
    }
  }
}

TEST_CASE("guidance at some noise levels waits for nothing", "[pretend][steps]") {
  const auto file = random_model(estimator_config("flux1", "flow", {", condition_drop_rate: 0.2", "", ""}));
  const auto counts = [&](int64_t steps) {
    auto posterior = posterior_on("cuda", file);
    auto options = posterior.sampling();
    options.solver = "heun";
    options.steps = steps;
    options.guidance_scale = 2;
    options.guidance_min = 0.1;
    options.reject = false;
    return counts_of([&] { posterior.sample(observations(4), 4, 8, 11, 0, options); });
  };
  CHECK(counts(6).waits == counts(3).waits);
}

// Hidden: fluxsbi_test_pretend "[counts]" prints what docs/performance.md says.
TEST_CASE("the operators of a step of the reference work are counted", "[.][counts]") {
  const auto direct = engine::make_direct_runner();
  const auto training = Steps(reference_flux1, 256).steady(*direct);
  std::cout << "a training step: " << training.kernels << " operators, " << training.requests
            << " allocations\n"
            << training.text();
  auto file = random_model(reference_flux1, 2);
  const auto few = chunk_counts(file, "euler", 10), more = chunk_counts(file, "euler", 20);
  std::cout << "ten sampling steps: " << (more - few).kernels << " operators\n" << (more - few).text();
  CHECK(training.kernels > 0);
}

}  // namespace
}  // namespace fluxsbi::test
