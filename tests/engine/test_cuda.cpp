// What only a machine with a GPU can show; elsewhere these are skipped and say why. scripts/gpu_check.sh runs
// them.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "config/reader.hpp"
#include "core/error.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"
#include "support/catch.hpp"

namespace fluxsbi::engine {
namespace {

// float32 on both sides; the time embedding's angles reach 1000, so that their rounding alone gives 3e-5.
constexpr double float32_tolerance = 1e-4;
// bfloat16 holds 8 bits: 0.4 % a rounding, summed over the blocks of a small network.
constexpr double bfloat16_tolerance = 0.1;

at::Device gpu() {
  try {
    return choose_device("cuda").device;
  } catch (const core::UserError& absent) {
    SKIP(absent.what());
    throw;
  }
}

std::shared_ptr<model::Network> network() {
  const auto document = config::parse_yaml(
      "model: {depth: 2, depth_single_blocks: 2, num_heads: 4, val_emb_dim: 4, id_emb_dim: 4, id_merge_mode: "
      "concat, "
      "id_embedding_strategy: [absolute, absolute]}",
      "test");
  config::Reader reader(document);
  auto spec = model::make_spec("flux1");
  spec->read(reader);
  reader.finish();
  spec->resolve({2, 1, 3, 1, {}, {}});
  auto built = spec->build();
  built->initialise(3);
  // At the start every block is the identity and the output zero: move all parameters so that there is
  // something to see.
  const at::NoGradGuard no_grad;
  int64_t index = 0;
  for (auto& parameter : built->parameters()) {
    const at::Tensor wave =
        at::sin(at::arange(parameter.numel(), at::kFloat).mul(0.7).add(static_cast<double>(++index)));
    parameter.add_(wave.mul(0.1).reshape(parameter.sizes()));
  }
  return built;
}

// A batch of 32 rows that is the same on every device.
Regression problem(at::Device device) {
  const auto wave = [&](std::vector<int64_t> shape, double frequency) {
    int64_t n = 1;
    for (const int64_t size : shape) n *= size;
    return at::sin(at::arange(n, at::kFloat).mul(frequency)).reshape(shape).to(device);
  };
  Regression made;
  made.inputs.t = at::linspace(0.01, 0.99, 32, at::kFloat).to(device);
  made.inputs.obs = wave({32, 2, 1}, 0.37);
  made.inputs.cond = wave({32, 3, 1}, 0.53);
  made.target = wave({32, 2, 1}, 0.91);
  made.weight = at::full({1, 1, 1}, 1.0 / 64, at::kFloat).to(device);
  return made;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kCPU, at::kDouble), y = b.detach().to(at::kCPU, at::kDouble);
  return ((x - y).norm() / y.norm()).item<double>();
}

TEST_CASE("outputs and gradients on a GPU agree with those on the CPU", "[engine][cuda]") {
  const at::Device device = gpu();
  const auto here = make_engine(network(), at::kFloat, at::kCPU),
             there = make_engine(network(), at::kFloat, device);
  CHECK(relative(there->forward(problem(device).inputs), here->forward(problem(at::kCPU).inputs)) <
        float32_tolerance);
  here->accumulate_gradient(problem(at::kCPU), 1);
  there->accumulate_gradient(problem(device), 1);
  CHECK(relative(there->parameters().gradient, here->parameters().gradient) < float32_tolerance);
}

TEST_CASE("bfloat16 on a GPU agrees with float32 as far as bfloat16 can", "[engine][cuda]") {
  const at::Device device = gpu();
  if (fast_products(device) == FastProducts::none) SKIP("this GPU does not multiply bfloat16");
  const auto exact = make_engine(network(), at::kFloat, at::kCPU),
             fast = make_engine(network(), at::kBFloat16, device);
  CHECK(relative(fast->forward(problem(device).inputs), exact->forward(problem(at::kCPU).inputs)) <
        bfloat16_tolerance);
  exact->accumulate_gradient(problem(at::kCPU), 1);
  fast->accumulate_gradient(problem(device), 1);
  CHECK(relative(fast->parameters().gradient, exact->parameters().gradient) < bfloat16_tolerance);
}

TEST_CASE("own kernels on a GPU give the outputs and gradients of LibTorch's", "[engine][cuda]") {
  const at::Device device = gpu();
  if (!device_kernels(device)) SKIP("this GPU's compute capability is below 8.0");
  const auto own = make_engine(network(), at::kFloat, device),
             plain = make_engine(network(), at::kFloat, device, "reference");
  CHECK(relative(own->forward(problem(device).inputs), plain->forward(problem(device).inputs)) <
        float32_tolerance);
  own->accumulate_gradient(problem(device), 1);
  plain->accumulate_gradient(problem(device), 1);
  CHECK(relative(own->parameters().gradient, plain->parameters().gradient) < float32_tolerance);
}

TEST_CASE("a step replayed as a CUDA graph gives what calling it gives", "[engine][cuda]") {
  const at::Device device = gpu();
  const auto called = make_engine(network(), at::kFloat, device),
             replayed = make_engine(network(), at::kFloat, device);
  const Regression fixed = problem(device);
  const auto descend = [&fixed](Engine& engine) {
    const at::NoGradGuard no_grad;
    engine.parameters().gradient.zero_();
    engine.accumulate_gradient(fixed, 1);
    engine.parameters().master.sub_(engine.parameters().gradient, 0.01);
  };
  const auto runner = make_step_runner(device);
  for (int step = 0; step < 10; ++step) {
    descend(*called);
    runner->run([&] { descend(*replayed); });
  }
  synchronize(device);
  CHECK(relative(replayed->parameters().master, called->parameters().master) < 1e-6);
}

}  // namespace
}  // namespace fluxsbi::engine
