// The engine that divides a batch among threads against the reference engine.
#include <catch2/generators/catch_generators.hpp>

#include "engine/engine.hpp"
#include "model/small_simformer.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/toy_network.hpp"

namespace {

using namespace fluxsbi;
using test::Threads;
using test::ToyNetwork;

// Float32 sums over 203 rows in another order.
constexpr double tolerance = 2e-6;

engine::Regression problem_of(int64_t rows, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto normal = [&](at::IntArrayRef shape) { return at::empty(shape).normal_(0, 1, generator); };
  engine::Regression problem;
  problem.inputs.t = at::empty({rows}).uniform_(0, 1, generator);
  problem.inputs.obs = normal({rows, 1, 2});
  problem.inputs.cond = normal({rows, 1, 2});
  problem.target = normal({rows, 1, 2});
  problem.weight = at::empty({rows, 1, 1}).uniform_(0.1, 2, generator) / rows;
  return problem;
}

double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return ((got - expected).norm() / expected.norm()).item<double>();
}

TEST_CASE("rows divided among threads give the reference's output, loss and gradient",
          "[engine][batch_parallel]") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const int64_t rows = GENERATE(1, 40, 203, 1000);  // one part, one part, a part a thread, parts in cache
  CAPTURE(type, rows);
  const Threads threads(3);
  const auto expected = engine::make_reference_engine(std::make_shared<ToyNetwork>(), type, at::kCPU);
  const auto found = engine::make_batch_parallel_engine(std::make_shared<ToyNetwork>(), type);
  // In bfloat16 the reference rounds the sum over all rows, the parts theirs.
  const double bound = type == at::kFloat ? tolerance : 0.02;
  for (const uint64_t seed : {1, 2}) {  // the second gradient is added to the first
    const auto problem = problem_of(rows, seed);
    const double loss = expected->accumulate_gradient(problem, 0.5).item<double>();
    CHECK(std::abs(found->accumulate_gradient(problem, 0.5).item<double>() - loss) < tolerance * loss);
    CHECK(relative_error(found->parameters().gradient, expected->parameters().gradient) < bound);
    CHECK(relative_error(found->forward(problem.inputs), expected->forward(problem.inputs)) < tolerance);
  }
}

TEST_CASE("a condition and a weight that serve all rows serve every part", "[engine][batch_parallel]") {
  const Threads threads(2);
  const auto expected = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  const auto found = engine::make_batch_parallel_engine(std::make_shared<ToyNetwork>(), at::kFloat);
  constexpr int64_t rows = 100;
  auto problem = problem_of(rows, 3);
  problem.inputs.cond = problem.inputs.cond.narrow(0, 0, 1);
  problem.inputs.t = at::full({1}, 0.25).expand({rows});
  problem.weight = at::full({1}, 0.01);
  expected->accumulate_gradient(problem, 1);
  found->accumulate_gradient(problem, 1);
  CHECK(relative_error(found->parameters().gradient, expected->parameters().gradient) < tolerance);
  CHECK(relative_error(found->forward(problem.inputs), expected->forward(problem.inputs)) < tolerance);
}

TEST_CASE("condition masks and edge masks are divided with the rows they belong to",
          "[engine][batch_parallel]") {
  const Threads threads(3);
  const auto shape = model::small_simformer_shape();
  const auto expected = engine::make_reference_engine(model::random_simformer(shape), at::kFloat, at::kCPU);
  const auto found = engine::make_batch_parallel_engine(model::random_simformer(shape), at::kFloat);
  constexpr int64_t rows = 131;
  engine::Regression problem;
  problem.inputs = model::joint_inputs(rows);
  problem.target = model::random_tensor({rows, 4, 1}, 3);
  problem.weight = model::random_tensor({rows, 4, 1}, 4).abs() / rows;
  const bool shared = GENERATE(true, false);
  problem.inputs.edge_mask =
      model::random_tensor(shared ? std::vector<int64_t>{4, 4} : std::vector<int64_t>{rows, 4, 4}, 5) > 0;
  if (shared) problem.inputs.condition_mask = problem.inputs.condition_mask.narrow(0, 3, 1);
  expected->accumulate_gradient(problem, 1);
  found->accumulate_gradient(problem, 1);
  CHECK(relative_error(found->parameters().gradient, expected->parameters().gradient) < tolerance);
  CHECK(relative_error(found->forward(problem.inputs), expected->forward(problem.inputs)) < tolerance);
}

TEST_CASE("the same number of threads gives the same bits", "[engine][batch_parallel]") {
  const Threads threads(3);
  const auto engine = engine::make_batch_parallel_engine(std::make_shared<ToyNetwork>(), at::kFloat);
  const auto problem = problem_of(300, 4);
  engine->accumulate_gradient(problem, 1);
  const at::Tensor first = engine->parameters().gradient.clone();
  for (int i = 0; i < 20; ++i) {
    engine->parameters().gradient.zero_();
    engine->accumulate_gradient(problem, 1);
    REQUIRE(at::equal(engine->parameters().gradient, first));
  }
}

TEST_CASE("a network's error in one part reaches the caller", "[engine][batch_parallel]") {
  const Threads threads(2);
  const auto engine = engine::make_batch_parallel_engine(std::make_shared<ToyNetwork>(), at::kFloat);
  auto problem = problem_of(100, 5);
  problem.inputs.cond = problem.inputs.cond.narrow(2, 0, 1);  // a channel is missing
  CHECK_THROWS(engine->forward(problem.inputs));
  CHECK_THROWS(engine->accumulate_gradient(problem, 1));
}

}  // namespace
