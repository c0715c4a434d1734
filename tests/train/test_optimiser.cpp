#include <torch/optim/adamw.h>

#include "cuda/emulated_kernels.hpp"
#include "engine/flat_parameters.hpp"
#include "support/catch.hpp"
#include "support/toy_network.hpp"
#include "train/optimiser.hpp"

namespace {

using namespace fluxsbi;
using engine::FlatParameters;
using test::ToyNetwork;
using train::Clip;
using train::Optimiser;
using train::OptimizerOptions;

constexpr int steps = 40;
// Float32 against float64 over 40 steps of 0.01: the update is a ratio of moments whose rounding is 1e-7 a
// step.
constexpr double float_tolerance = 3e-6;

OptimizerOptions options_of(Clip clip, double clip_value) {
  OptimizerOptions options;
  options.clip = clip;
  options.clip_value = clip_value;
  options.weight_decay = 0.1;
  return options;
}

// Gradients of every size, so that clipping takes some units and leaves others; the gaps stay zero.
void fill_gradient(FlatParameters& flat, int step) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(static_cast<uint64_t>(100 + step));
  flat.gradient.zero_();
  for (const auto& entry : flat.entries) {
    at::Tensor view = FlatParameters::view(flat.gradient, entry);
    view.normal_(0, 1, generator).mul_(at::empty_like(view).uniform_(0, 1, generator).pow_(6));
    if (entry.decays) view.mul_(at::logspace(-2, 1, entry.shape[0]).unsqueeze(1));
  }
}

double rate_of(int step) {
  return 0.01 / (1 + step);
}

// The same in float64, a parameter tensor at a time, as a textbook has it.
struct Reference {
  std::vector<at::Tensor> weight, moment1, moment2, ema;

  explicit Reference(const FlatParameters& flat) {
    for (const auto& entry : flat.entries) {
      weight.push_back(FlatParameters::view(flat.master, entry).to(at::kDouble).clone());
      moment1.push_back(at::zeros_like(weight.back()));
      moment2.push_back(at::zeros_like(weight.back()));
      ema.push_back(weight.back().clone());
    }
  }

  // Norm of every unit, broadcast: rows of matrices, whole vectors; axes of length 1 do not count.
  static at::Tensor unit_norm(const at::Tensor& x) {
    if (x.squeeze().dim() < 2) return x.norm().expand_as(x);
    return x.norm(2, {1}, true).expand_as(x);
  }

  void step(const FlatParameters& flat, const OptimizerOptions& o, double ema_decay, int step) {
    const double t = step + 1, rate = rate_of(step);
    std::vector<at::Tensor> gradients;
    double total = 0;
    for (const auto& entry : flat.entries) {
      gradients.push_back(FlatParameters::view(flat.gradient, entry).to(at::kDouble));
      total += gradients.back().square().sum().item<double>();
    }
    for (size_t i = 0; i < weight.size(); ++i) {
      at::Tensor g = gradients[i];
      if (o.clip == Clip::global && std::sqrt(total) >= o.clip_value)
        g = g * (o.clip_value / std::sqrt(total));
      if (o.clip == Clip::adaptive) {
        const at::Tensor norm = unit_norm(g), limit = o.clip_value * unit_norm(weight[i]).clamp_min(1e-3);
        g = at::where(norm < limit, g, g * limit / norm.clamp_min(1e-6));
      }
      moment1[i] = o.beta1 * moment1[i] + (1 - o.beta1) * g;
      moment2[i] = o.beta2 * moment2[i] + (1 - o.beta2) * g * g;
      const at::Tensor m = moment1[i] / (1 - std::pow(o.beta1, t)),
                       v = moment2[i] / (1 - std::pow(o.beta2, t));
      const double decay = flat.entries[i].decays ? o.weight_decay : 0;
      weight[i] = weight[i] - rate * decay * weight[i] - rate * m / (v.sqrt() + o.eps);
      const double d = std::min(ema_decay, (1 + t) / (10 + t));
      ema[i] = d * ema[i] + (1 - d) * weight[i];
    }
  }
};

double worst(const FlatParameters& flat, const at::Tensor& got, const std::vector<at::Tensor>& expected) {
  double error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const at::Tensor view = FlatParameters::view(got, flat.entries[i]).to(at::kDouble);
    error = std::max(error, (view - expected[i]).abs().max().item<double>());
  }
  return error;
}

void compare(const OptimizerOptions& options, void (Optimiser::*update)(),
             const engine::DeviceKernels* kernels = nullptr) {
  FlatParameters flat(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  flat.kernels = kernels;
  Reference reference(flat);
  const double ema_decay = 0.9;
  Optimiser optimiser(flat, flat.master.clone(), options, ema_decay);
  for (int step = 0; step < steps; ++step) {
    fill_gradient(flat, step);
    reference.step(flat, options, ema_decay, step);
    const double norm = flat.gradient.to(at::kDouble).norm().item<double>();
    optimiser.prepare(step, rate_of(step));
    (optimiser.*update)();
    CHECK(std::abs(optimiser.gradient_norm.item<double>() - norm) < 1e-5 * norm);
  }
  CHECK(worst(flat, flat.master, reference.weight) < float_tolerance);
  CHECK(worst(flat, optimiser.ema, reference.ema) < float_tolerance);
  CHECK(worst(flat, optimiser.moment1, reference.moment1) < float_tolerance);
}

TEST_CASE("the CPU kernel follows AdamW, clipping and EMA in float64", "[train][optimiser]") {
  compare(options_of(Clip::none, 1), &Optimiser::update);
  compare(options_of(Clip::global, 0.5), &Optimiser::update);
  compare(options_of(Clip::global, 1e6), &Optimiser::update);
  compare(options_of(Clip::adaptive, 0.3), &Optimiser::update);
}

TEST_CASE("the tensor operations follow AdamW, clipping and EMA in float64", "[train][optimiser]") {
  compare(options_of(Clip::none, 1), &Optimiser::update_by_tensor_operations);
  compare(options_of(Clip::global, 0.5), &Optimiser::update_by_tensor_operations);
  compare(options_of(Clip::adaptive, 0.3), &Optimiser::update_by_tensor_operations);
}

TEST_CASE("a device's own kernels follow AdamW, clipping and EMA in float64",
          "[train][optimiser][cuda_kernels]") {
  test::take_kernel_counts();
  for (const auto& options : {options_of(Clip::none, 1), options_of(Clip::global, 0.5),
                              options_of(Clip::global, 1e6), options_of(Clip::adaptive, 0.3)})
    compare(options, &Optimiser::update, &test::emulated_kernels());
  const auto counts = test::take_kernel_counts();
  CHECK(counts.faults.empty());
  CHECK(counts.launches.at("update") == 4 * steps);
}

TEST_CASE("without clipping the weights are those of torch::optim::AdamW", "[train][optimiser]") {
  const OptimizerOptions options = options_of(Clip::none, 1);
  FlatParameters flat(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU);
  std::vector<at::Tensor> decaying, others, all;
  for (const auto& entry : flat.entries) {
    all.push_back(FlatParameters::view(flat.master, entry).clone().requires_grad_());
    (entry.decays ? decaying : others).push_back(all.back());
  }
  using torch::optim::AdamWOptions;
  const auto group = [&](std::vector<at::Tensor> tensors, double decay) {
    return torch::optim::OptimizerParamGroup(
        std::move(tensors), std::make_unique<AdamWOptions>(AdamWOptions(0.01).weight_decay(decay)));
  };
  torch::optim::AdamW plain({group(decaying, options.weight_decay), group(others, 0)}, AdamWOptions(0.01));
  Optimiser optimiser(flat, flat.master.clone(), options, 0.999);
  for (int step = 0; step < steps; ++step) {
    fill_gradient(flat, step);
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].mutable_grad() = FlatParameters::view(flat.gradient, flat.entries[i]).clone();
    }
    plain.step();
    optimiser.prepare(step, 0.01);
    optimiser.update();
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const at::Tensor got = FlatParameters::view(flat.master, flat.entries[i]);
    CHECK((got - all[i].detach()).abs().max().item<double>() < float_tolerance);
  }
}

TEST_CASE("units are the rows of matrices and whole vectors", "[train][optimiser]") {
  FlatParameters flat(std::make_shared<ToyNetwork>(2, 24), at::kFloat, at::kCPU);
  const auto units = train::units_of(flat);
  // scale [1, 1, 24]: one; inner [24, 5]: 24 rows and a bias; outer [2, 24]: 2 rows and a bias
  CHECK(units.size() == 1 + 24 + 1 + 2 + 1);
  int64_t covered = 0, place = 0;
  for (const auto& unit : units) {
    CHECK(unit.offset >= place);
    place = unit.offset + unit.length;
    covered += unit.length;
  }
  CHECK(covered == 24 + 24 * 5 + 24 + 2 * 24 + 2);
}

TEST_CASE("gaps between parameters stay zero and a bfloat16 working copy is published",
          "[train][optimiser]") {
  FlatParameters flat(std::make_shared<ToyNetwork>(), at::kBFloat16, at::kCPU);
  const at::Tensor inside = at::zeros_like(flat.master);
  for (const auto& entry : flat.entries) FlatParameters::view(inside, entry).fill_(1);
  Optimiser optimiser(flat, flat.master.clone(), options_of(Clip::adaptive, 0.1), 0.999);
  for (int step = 0; step < 3; ++step) {
    fill_gradient(flat, step);
    optimiser.prepare(step, 0.01);
    if (step < 2) {
      optimiser.update();
    } else {
      optimiser.update_by_tensor_operations();
    }
    for (const auto& tensor : {flat.master, optimiser.moment1, optimiser.moment2, optimiser.ema}) {
      CHECK(tensor.mul(1 - inside).abs().max().item<double>() == 0);
    }
    CHECK(at::equal(flat.working, flat.master.to(at::kBFloat16)));
  }
}

TEST_CASE("master weights, moments and average are float32 and the same whatever the network computes in",
          "[train][optimiser][bfloat16]") {
  // A rate at which a step is lost in a bfloat16 weight, whose neighbours are 0.4 % apart.
  constexpr double rate = 1e-5;
  FlatParameters exact(std::make_shared<ToyNetwork>(), at::kFloat, at::kCPU),
      rounded(std::make_shared<ToyNetwork>(), at::kBFloat16, at::kCPU);
  const OptimizerOptions options = options_of(Clip::adaptive, 0.3);
  Optimiser one(exact, exact.master.clone(), options, 0.9),
      other(rounded, rounded.master.clone(), options, 0.9);
  const at::Tensor start = rounded.master.clone();
  for (int step = 0; step < steps; ++step) {
    for (auto [flat, optimiser] : {std::pair(&exact, &one), std::pair(&rounded, &other)}) {
      fill_gradient(*flat, step);
      optimiser->prepare(step, rate);
      optimiser->update();
    }
  }
  CHECK_FALSE(at::equal(rounded.master, start));
  for (const auto& [a, b] : {std::pair(exact.master, rounded.master),
                             {one.moment1, other.moment1},
                             {one.moment2, other.moment2},
                             {one.ema, other.ema},
                             {exact.gradient, rounded.gradient}}) {
    CHECK(b.scalar_type() == at::kFloat);
    CHECK(at::equal(a, b));
  }
}

}  // namespace
