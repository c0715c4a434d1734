
#include "engine/engine.hpp"
#include "engine/relative_error.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"

namespace {

using namespace fluxsbi;
using test::relative_error, test::ToyNetwork;

// Float32 sums of some hundred terms in another order.
constexpr double float_tolerance = 2e-6;
// bfloat16 has 8 bits; three layers and a sum over 64 rows.
constexpr double bfloat16_tolerance = 0.03;

engine::Regression problem_of(int64_t rows, uint64_t seed) {
  const auto data = test::toy_data(rows, seed);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed + 1);
  const at::Tensor normal = at::empty_like(data.theta).normal_(0, 1, generator);
  const at::Tensor t = at::empty({rows}).uniform_(0, 1, generator);
  engine::Regression problem = test::toy_regression(data.theta, data.x, normal, t);
  problem.weight = at::empty({rows, 1, 1}).uniform_(0.1, 2, generator) / rows;  // a weight that matters
  return problem;
}

// The loss and gradient as autograd has them for the loss written out.
std::pair<double, std::vector<at::Tensor>> by_autograd(const engine::Regression& problem, double scale) {
  ToyNetwork network;
  const auto difference = network.forward(problem.inputs) - problem.target;
  const auto loss = (problem.weight * difference * difference).sum();
  (scale * loss).backward();
  std::vector<at::Tensor> gradients;
  for (const auto& parameter : network.parameters()) gradients.push_back(parameter.grad());
  return {loss.item<double>(), gradients};
}

TEST_CASE("the reference engine's loss and gradient are those of autograd", "[engine][reference]") {
  const auto problem = problem_of(64, 3);
  const double scale = 0.25;
  const auto [loss, gradients] = by_autograd(problem, scale);
  const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  auto& flat = engine->parameters();
  const auto got = engine->accumulate_gradient(problem, scale);
  CHECK(std::abs(got.item<double>() - loss) < float_tolerance * loss);
  CHECK(std::abs(engine->loss(problem).item<double>() - loss) < float_tolerance * loss);
  CHECK_FALSE(got.requires_grad());
  double entries = 0;
  for (size_t i = 0; i < flat.entries.size(); ++i) {
    const auto view = engine::FlatParameters::view(flat.gradient, flat.entries[i]);
    CHECK(relative_error(view, gradients[i]) < float_tolerance);
    entries += view.square().sum().item<double>();
  }
  // The gaps between parameters stay zero.
  CHECK(std::abs(flat.gradient.square().sum().item<double>() - entries) <= 1e-6 * entries);
}

TEST_CASE("gradients of several calls add up in place", "[engine][reference]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), type, at::kCPU);
    auto& gradient = engine->parameters().gradient;
    const void* place = gradient.const_data_ptr();
    engine->accumulate_gradient(problem_of(64, 3), 1);
    const at::Tensor first = gradient.clone();
    gradient.zero_();
    engine->accumulate_gradient(problem_of(64, 4), 1);
    const at::Tensor second = gradient.clone();
    engine->accumulate_gradient(problem_of(64, 3), 1);
    CHECK(relative_error(gradient, first + second) < float_tolerance);
    CHECK(gradient.const_data_ptr() == place);
  }
}

TEST_CASE("a bfloat16 engine's gradient is near the float32 one", "[engine][reference]") {
  const auto exact = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  const auto rounded = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kBFloat16, at::kCPU);
  const auto problem = problem_of(64, 5);
  const double loss = exact->accumulate_gradient(problem, 1).item<double>();
  const double other = rounded->accumulate_gradient(problem, 1).item<double>();
  CHECK(std::abs(other - loss) < bfloat16_tolerance * loss);
  CHECK(relative_error(rounded->parameters().gradient, exact->parameters().gradient) < bfloat16_tolerance);
}

TEST_CASE("forward follows the flat parameters and keeps no graph", "[engine][reference]") {
  const auto engine = engine::make_reference_engine(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  const auto inputs = problem_of(8, 6).inputs;
  const at::Tensor before = engine->forward(inputs);
  CHECK_FALSE(before.requires_grad());
  CHECK(before.sizes() == at::IntArrayRef({8, 1, 2}));
  engine->parameters().assign(at::zeros_like(engine->parameters().master));
  CHECK(engine->forward(inputs).abs().max().item<double>() == 0);
}

}  // namespace
