// The reference engine that divides a batch among threads against itself with one thread.
#include <catch2/generators/catch_generators.hpp>

#include "engine/engine.hpp"
#include "engine/relative_error.hpp"
#include "model/small_simformer.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"
#include "support/toy_network.hpp"

namespace {

using namespace fluxsbi;
using test::relative_error, test::ToyNetwork;

// Float32 sums over 203 rows in another order.
constexpr double tolerance = 2e-6;

// What an engine of one thread, which divides nothing, and one of `threads` threads give for a problem.
struct Result {
  at::Tensor loss, gradient, output;
};

class Pair {
 public:
  Pair(std::shared_ptr<model::Network> one, std::shared_ptr<model::Network> other, at::ScalarType type,
       int threads)
      : whole_(engine::make_reference_engine(std::move(one), type, at::kCPU)),
        parts_(engine::make_reference_engine(std::move(other), type, at::kCPU)),
        threads_(threads) {}

  Result whole(const engine::Regression& problem) { return evaluate(*whole_, problem, 1); }
  Result parts(const engine::Regression& problem) { return evaluate(*parts_, problem, threads_); }

 private:
  static Result evaluate(engine::Engine& engine, const engine::Regression& problem, int threads) {
    const test::Threads scope(threads);
    const at::Tensor loss = engine.accumulate_gradient(problem, 0.5).clone();
    return {loss, engine.parameters().gradient.clone(), engine.forward(problem.inputs)};
  }

  std::unique_ptr<engine::Engine> whole_, parts_;
  int threads_;
};

engine::Regression weighted_problem(int64_t rows, uint64_t seed) {
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

void check_equal(const Result& found, const Result& expected, double bound) {
  const double loss = expected.loss.item<double>();
  CHECK(std::abs(found.loss.item<double>() - loss) < tolerance * loss);
  CHECK(relative_error(found.gradient, expected.gradient) < bound);
  CHECK(relative_error(found.output, expected.output) < tolerance);
}

TEST_CASE("rows divided among threads give the output, loss and gradient of one thread",
          "[engine][reference]") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const int64_t rows = GENERATE(1, 40, 203, 1000);  // one part, one part, a part a thread, parts in cache
  CAPTURE(type, rows);
  Pair pair(std::make_shared<ToyNetwork>(), std::make_shared<ToyNetwork>(), type, 3);
  // In bfloat16 one thread rounds the sum over all rows, several theirs.
  const double bound = type == at::kFloat ? tolerance : 0.02;
  for (const uint64_t seed : {1, 2}) {  // the second gradient is added to the first
    const auto problem = weighted_problem(rows, seed);
    check_equal(pair.parts(problem), pair.whole(problem), bound);
  }
}

TEST_CASE("a time, a condition and a weight that serve all rows serve every part", "[engine][reference]") {
  constexpr int64_t rows = 100;
  auto problem = weighted_problem(rows, 3);
  problem.inputs.cond = problem.inputs.cond.narrow(0, 0, 1);
  problem.inputs.t = at::full({1}, 0.25);
  problem.weight = at::full({1}, 0.01);
  Pair pair(std::make_shared<ToyNetwork>(), std::make_shared<ToyNetwork>(), at::kFloat, 2);
  check_equal(pair.parts(problem), pair.whole(problem), tolerance);
}

TEST_CASE("gradients of inputs that serve all rows are the sums over the parts", "[engine][reference]") {
  const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  auto problem = weighted_problem(100, 6);
  problem.inputs.cond = problem.inputs.cond.narrow(0, 0, 1);
  problem.inputs.t = at::full({1}, 0.25);
  const auto found_by = [&](int threads) {
    const test::Threads scope(threads);
    return engine->input_gradients(problem.inputs, problem.target, engine::InputsOf::all);
  };
  const engine::InputGradients whole = found_by(1), parts = found_by(3);
  for (const auto member : {&engine::InputGradients::output, &engine::InputGradients::obs,
                            &engine::InputGradients::t, &engine::InputGradients::cond}) {
    REQUIRE((parts.*member).sizes() == (whole.*member).sizes());
    CHECK(relative_error(parts.*member, whole.*member) < tolerance);
  }
  CHECK(parts.t.sizes() == at::IntArrayRef({1}));
  CHECK(parts.cond.size(0) == 1);
}

TEST_CASE("condition masks and edge masks are divided with the rows they belong to", "[engine][reference]") {
  const auto shape = model::small_simformer_shape();
  constexpr int64_t rows = 131;
  engine::Regression problem;
  problem.inputs = model::joint_inputs(rows);
  problem.target = model::random_tensor({rows, 4, 1}, 3);
  problem.weight = model::random_tensor({rows, 4, 1}, 4).abs() / rows;
  const bool shared = GENERATE(true, false);
  problem.inputs.edge_mask =
      model::random_tensor(shared ? std::vector<int64_t>{4, 4} : std::vector<int64_t>{rows, 4, 4}, 5) > 0;
  if (shared) problem.inputs.condition_mask = problem.inputs.condition_mask.narrow(0, 3, 1);
  Pair pair(model::random_simformer(shape), model::random_simformer(shape), at::kFloat, 3);
  check_equal(pair.parts(problem), pair.whole(problem), tolerance);
}

TEST_CASE("the same number of threads gives the same bits", "[engine][reference]") {
  const test::Threads threads(3);
  const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  const auto problem = weighted_problem(300, 4);
  engine->accumulate_gradient(problem, 1);
  const at::Tensor first = engine->parameters().gradient.clone();
  for (int i = 0; i < 20; ++i) {
    engine->parameters().gradient.zero_();
    engine->accumulate_gradient(problem, 1);
    REQUIRE(at::equal(engine->parameters().gradient, first));
  }
}

TEST_CASE("a network's error in one part reaches the caller", "[engine][reference]") {
  const test::Threads threads(2);
  const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  auto problem = weighted_problem(100, 5);
  problem.inputs.cond = problem.inputs.cond.narrow(2, 0, 1);  // a channel is missing
  CHECK_THROWS(engine->forward(problem.inputs));
  CHECK_THROWS(engine->accumulate_gradient(problem, 1));
}

}  // namespace
