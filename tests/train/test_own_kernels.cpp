// Training with bfloat16 parameters by a device's own kernels, emulated: the float32 master is updated, and
// the loss falls as it does in float32.
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

constexpr int training_steps = 80, last_steps = 20;

// obs - cond / 2 of every token, from time and tokens.
engine::Regression batch_of(int step) {
  engine::Regression batch;
  const auto seed = static_cast<uint64_t>(1000 + 10 * step);
  batch.inputs.t = at::sigmoid(model::random_tensor({8}, seed));
  batch.inputs.obs = model::random_tensor({8, 2, 1}, seed + 1);
  batch.inputs.cond = model::random_tensor({8, 2, 1}, seed + 2);
  batch.target = batch.inputs.obs - 0.5 * batch.inputs.cond;
  batch.weight = at::full({1, 1, 1}, 1.0 / 16);
  return batch;
}

struct Losses {
  double first = 0, last = 0;  ///< means over last_steps steps
};

Losses losses_of(at::ScalarType type, const engine::DeviceKernels* kernels) {
  model::Flux1Shape shape = model::small_shape();
  shape.block = {2, 4, 16, true};
  shape.depth = shape.depth_single = 1;
  shape.cond.tokens = 2;
  shape.id_axes = {4};
  shape.value_width = shape.id_width = shape.block.hidden();
  auto network = std::make_shared<model::Flux1>(shape);
  network->initialise(5);
  const auto engine = engine::make_reference_engine(network, type, at::kCPU, kernels);
  auto& flat = engine->parameters();
  train::OptimizerOptions options;
  options.clip = train::Clip::adaptive;
  options.clip_value = 1;
  train::Optimiser optimiser(flat, flat.master.clone(), options, 0.9);
  Losses losses;
  for (int step = 0; step < training_steps; ++step) {
    flat.gradient.zero_();
    const auto loss = engine->accumulate_gradient(batch_of(step), 1).item<double>();
    optimiser.prepare(step, 0.01);
    optimiser.update();
    if (step < last_steps) losses.first += loss / last_steps;
    if (step >= training_steps - last_steps) losses.last += loss / last_steps;
  }
  CHECK(at::equal(flat.working, flat.master.to(type)));
  CHECK(flat.master.scalar_type() == at::kFloat);
  return losses;
}

}  // namespace

TEST_CASE("bfloat16 parameters train by own kernels as float32 ones do", "[train][bfloat16][cuda_kernels]") {
  at::set_num_threads(1);  // the emulation runs one launch at a time
  const Losses plain = losses_of(at::kFloat, nullptr);
  take_kernel_counts();
  const Losses exact = losses_of(at::kFloat, &emulated_kernels()),
               narrow = losses_of(at::kBFloat16, &emulated_kernels());
  CHECK(take_kernel_counts().faults.empty());
  CAPTURE(plain.first, plain.last, exact.first, exact.last, narrow.first, narrow.last);
  CHECK(plain.last < 0.5 * plain.first);
  CHECK(std::abs(exact.last - plain.last) < 0.01 * plain.last);
  // bfloat16 rounds by up to 0.4 %, at random; what is left after averaging 20 steps is how far two trainings
  // went apart.
  CHECK(std::abs(narrow.last - exact.last) < 0.05 * exact.last);
}
