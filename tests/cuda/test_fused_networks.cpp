// Whole networks by the kernels against the same networks by plain tensor operations, through the engine.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/record_function.h>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "cuda/emulated_kernels.hpp"
#include "engine/engine.hpp"
#include "engine/random_networks.hpp"
#include "support/catch.hpp"

namespace {

using namespace fluxsbi;
using engine::Engine;
using test::emulated_kernels;
using test::take_kernel_counts;

// A float32 network in another order of sums; the time embedding's angles reach 1000.
constexpr double network_float32_tolerance = 1e-4;
// bfloat16 on both sides, rounded at other places, through a few blocks.
constexpr double network_bfloat16_tolerance = 0.06;

double relative(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kDouble), y = b.detach().to(at::kDouble);
  return ((x - y).norm() / y.norm().clamp_min(1e-12)).item<double>();
}

engine::Regression problem_of(const model::Inputs& inputs) {
  at::manual_seed(9);
  engine::Regression made;
  made.inputs = inputs;
  made.target = at::randn(inputs.obs.sizes());
  made.weight = at::full({1, 1, 1}, 1.0 / static_cast<double>(inputs.obs.numel()));
  return made;
}

std::unique_ptr<Engine> engine_of(const model::RandomCase& one, at::ScalarType type, bool own) {
  return engine::make_reference_engine(one.build(), type, at::kCPU, own ? &emulated_kernels() : nullptr);
}

// The emulation runs one launch at a time, and rows are not to be divided among threads.
struct OneThread {
  OneThread() { at::set_num_threads(1); }
};

}  // namespace

TEST_CASE("networks by the kernels give the outputs and gradients of the plain ones",
          "[cuda_kernels][networks]") {
  const OneThread one_thread;
  const auto seed = GENERATE(range(1U, 10U));
  const model::RandomCase one = model::RandomCases(seed).next();
  CAPTURE(seed, one.name);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const double tolerance = type == at::kFloat ? network_float32_tolerance : network_bfloat16_tolerance;
    const auto plain = engine_of(one, type, false), own = engine_of(one, type, true);
    const auto problem = problem_of(one.inputs);
    take_kernel_counts();
    CHECK(relative(own->forward(one.inputs), plain->forward(one.inputs)) < tolerance);
    own->accumulate_gradient(problem, 1);
    const auto counts = take_kernel_counts();
    CHECK(counts.faults == std::vector<std::string>{});
    CHECK(counts.all() > 10);
    plain->accumulate_gradient(problem, 1);
    CHECK(relative(own->parameters().gradient, plain->parameters().gradient) < tolerance);
  }
}

TEST_CASE("the gradients of a network's inputs are those of the plain one", "[cuda_kernels][networks]") {
  const OneThread one_thread;
  const model::RandomCase one = model::RandomCases(GENERATE(11U, 12U, 13U)).next();
  const auto plain = engine_of(one, at::kFloat, false), own = engine_of(one, at::kFloat, true);
  at::manual_seed(10);
  const at::Tensor cotangent = at::randn(one.inputs.obs.sizes());
  const auto expected = plain->input_gradients(one.inputs, cotangent, engine::InputsOf::all);
  take_kernel_counts();
  const auto found = own->input_gradients(one.inputs, cotangent, engine::InputsOf::all);
  CHECK(take_kernel_counts().all() > 5);
  CHECK(relative(found.output, expected.output) < network_float32_tolerance);
  CHECK(relative(found.obs, expected.obs) < network_float32_tolerance);
  CHECK(relative(found.t, expected.t) < 10 * network_float32_tolerance);
}

namespace {

// Operations of LibTorch that start a kernel: no views, no bookkeeping, and none that start theirs by another
// of these.
struct OperationCounter {
  OperationCounter() {
    handle_ =
        at::addThreadLocalCallback(at::RecordFunctionCallback([](const at::RecordFunction& function)
                                                                  -> std::unique_ptr<at::ObserverContext> {
                                     const std::string name = function.name();
                                     if (starts_kernel(name)) ++counted()[name];
                                     return nullptr;
                                   }).scopes({at::RecordScope::FUNCTION}));
  }
  ~OperationCounter() { at::removeCallback(handle_); }

  static std::map<std::string, int>& counted() {
    static std::map<std::string, int> counts;
    return counts;
  }
  static int all() {
    int sum = 0;
    for (const auto& [name, count] : counted()) sum += count;
    return sum;
  }
  static bool starts_kernel(const std::string& name) {
    static const std::string kernels =
        " mm addmm bmm baddbmm add add_ sub sub_ mul mul_ div div_ addcmul sum copy_ cat gelu gelu_backward"
        " native_layer_norm native_layer_norm_backward _softmax _softmax_backward_data silu silu_backward"
        " sin cos exp rsqrt square pow mean fill_ neg ";
    return name.rfind("aten::", 0) == 0 && kernels.find(" " + name.substr(6) + " ") != std::string::npos;
  }

 private:
  at::CallbackHandle handle_;
};

}  // namespace

TEST_CASE("a training step and an evaluation of the reference Flux1 start less than half of the kernels",
          "[cuda_kernels][count]") {
  const OneThread one_thread;
  model::Flux1Shape shape = model::small_shape();
  shape.block = {4, 10, 160, true};
  shape.depth = 4, shape.depth_single = 8, shape.id_axes = {10};
  shape.obs.tokens = 2, shape.cond.tokens = 2;
  shape.value_width = shape.id_width = shape.block.hidden();
  model::Inputs inputs;
  inputs.t = at::rand({2});
  inputs.obs = at::randn({2, 2, 1}), inputs.cond = at::randn({2, 2, 1});
  const auto problem = problem_of(inputs);
  const bool trains = GENERATE(true, false);
  std::map<bool, int> operations;
  int kernels = 0;
  for (const bool own : {false, true}) {
    const auto engine = engine::make_reference_engine(model::random_flux1(shape), at::kFloat, at::kCPU,
                                                      own ? &emulated_kernels() : nullptr);
    const auto step = [&] { trains ? engine->accumulate_gradient(problem, 1) : engine->forward(inputs); };
    step();
    OperationCounter::counted().clear();
    take_kernel_counts();
    {
      const OperationCounter counter;
      step();
    }
    operations[own] = OperationCounter::all();
    kernels = take_kernel_counts().all();
    for (const auto& [name, count] : OperationCounter::counted())
      UNSCOPED_INFO((own ? "own " : "plain ") << name << " " << count);
  }
  UNSCOPED_INFO((trains ? "training step" : "evaluation")
                << ", plain: " << operations[false] << "; own: " << operations[true] << " and " << kernels
                << " kernels");
  CHECK(2 * (operations[true] + kernels) < operations[false]);
}
