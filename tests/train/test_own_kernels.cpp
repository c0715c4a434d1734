// Training with bfloat16 parameters by a device's own kernels, emulated: the float32 master is updated, and
// the loss falls as it does in float32.
#include <cmath>
#include <memory>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include "cuda/emulated_kernels.hpp"
#include "engine/engine.hpp"
#include "model/small_flux1.hpp"
#include "support/catch.hpp"
#include "train/optimiser.hpp"

namespace {

using namespace fluxsbi;
using test::emulated_kernels;
using test::take_kernel_counts;

constexpr int training_steps = 80, steps_a_point = 20;

// obs - cond / 2 of every token, from time and tokens, beside noise that nothing predicts: a loss of about 1
// is left over, as it is in flow matching.
engine::Regression batch_of(uint64_t seed, int64_t rows) {
  engine::Regression batch;
  batch.inputs.t = at::sigmoid(model::random_tensor({rows}, seed));
  batch.inputs.obs = model::random_tensor({rows, 2, 1}, seed + 1);
  batch.inputs.cond = model::random_tensor({rows, 2, 1}, seed + 2);
  batch.target = batch.inputs.obs - 0.5 * batch.inputs.cond + model::random_tensor({rows, 2, 1}, seed + 3);
  batch.weight = at::full({1, 1, 1}, 1.0 / static_cast<double>(2 * rows));
  return batch;
}

std::shared_ptr<model::Network> small_network() {
  model::Flux1Shape shape = model::small_shape();
  shape.block = {2, 4, 16, true};
  shape.depth = shape.depth_single = 1;
  shape.cond.tokens = 2;
  shape.id_axes = {4};
  shape.value_width = shape.id_width = shape.block.hidden();
  auto network = std::make_shared<model::Flux1>(shape);
  network->initialise(5);
  return network;
}

// The losses of the averaged weights on the same 512 rows, after each steps_a_point steps of 8 rows each. The
// loss of one step's rows would be that of 16 numbers.
std::vector<double> curve_of(at::ScalarType type, const engine::DeviceKernels* kernels) {
  const auto engine = engine::make_reference_engine(small_network(), type, at::kCPU, kernels),
             averaged = engine::make_reference_engine(small_network(), type, at::kCPU, kernels);
  auto& flat = engine->parameters();
  train::OptimizerOptions options;
  options.clip = train::Clip::adaptive;
  options.clip_value = 1;
  train::Optimiser optimiser(flat, flat.master.clone(), options, 0.9);
  const engine::Regression validation = batch_of(7, 512);
  std::vector<double> curve;
  for (int step = 0; step < training_steps; ++step) {
    flat.gradient.zero_();
    engine->accumulate_gradient(batch_of(static_cast<uint64_t>(1000 + 10 * step), 8), 1);
    optimiser.prepare(step, 0.001);
    optimiser.update();
    if ((step + 1) % steps_a_point != 0) continue;
    averaged->parameters().assign(optimiser.ema);
    const at::Tensor difference = averaged->forward(validation.inputs) - validation.target;
    curve.push_back((difference.square() * validation.weight).sum().item<double>());
  }
  CHECK(at::equal(flat.working, flat.master.to(type)));
  CHECK(flat.master.scalar_type() == at::kFloat);
  return curve;
}

}  // namespace

TEST_CASE("bfloat16 parameters train by own kernels as float32 ones do", "[train][bfloat16][cuda_kernels]") {
  at::set_num_threads(1);  // the emulation runs one launch at a time
  const std::vector<double> plain = curve_of(at::kFloat, nullptr);
  take_kernel_counts();
  const std::vector<double> exact = curve_of(at::kFloat, &emulated_kernels()),
                            narrow = curve_of(at::kBFloat16, &emulated_kernels());
  CHECK(take_kernel_counts().faults.empty());
  CAPTURE(plain, exact, narrow);
  CHECK(plain.back() < 0.85 * plain.front());
  // bfloat16 rounds by up to 0.4 %, at random: what is asked of the program's training (app/test_bfloat16).
  // At ten times this learning rate two trainings part whatever computes them: LibTorch's own bfloat16 then
  // ends 2 to 7 % beside float32.
  constexpr double allowed = 0.005;
  for (size_t i = 0; i < plain.size(); ++i) {
    CHECK(std::abs(exact[i] - plain[i]) < allowed * plain[i]);
    CHECK(std::abs(narrow[i] - exact[i]) < allowed * exact[i]);
  }
}
