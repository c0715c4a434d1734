#include <algorithm>
#include <cmath>

#include <ATen/Functions.h>
#include <torch/csrc/autograd/autograd.h>

#include "bench/engine_training.hpp"
#include "bench/sections.hpp"
#include "bench/workload.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"

namespace fluxsbi::app::bench {

namespace {

struct Result {
  at::Tensor output, gradient;
};

engine::Regression regression_of(const model::Inputs& inputs) {
  return {inputs, at::zeros_like(inputs.obs), at::ones({1}, inputs.obs.options())};
}

Result evaluate(const Settings& settings, const engine::Compute& compute, const std::string& request,
                const model::Inputs& inputs) {
  const auto engine =
      engine::make_engine(make_network(settings.workload, 0), compute, settings.device, request);
  engine->accumulate_gradient(regression_of(inputs), 1.0 / static_cast<double>(inputs.obs.numel()));
  std::vector<at::Tensor> gradients;
  for (const auto& entry : engine->parameters().entries) {
    gradients.push_back(engine::FlatParameters::view(engine->parameters().gradient, entry).flatten());
  }
  return {engine->forward(inputs), at::cat(gradients)};
}

// The same by the modules in float64, on the CPU.
Result in_float64(const Settings& settings, const model::Inputs& inputs) {
  const auto network = make_network(settings.workload, 0);
  network->to(at::kDouble);
  network->accept(at::kDouble);
  model::Inputs wide;
  wide.t = inputs.t.to(at::kCPU, at::kDouble);
  wide.obs = inputs.obs.to(at::kCPU, at::kDouble);
  if (inputs.cond.defined()) wide.cond = inputs.cond.to(at::kCPU, at::kDouble);
  if (inputs.condition_mask.defined()) wide.condition_mask = inputs.condition_mask.to(at::kCPU);
  const at::Tensor output = network->forward(wide);
  const auto found = torch::autograd::grad({output.square().mean()}, network->parameters(), {}, std::nullopt,
                                           /*create_graph=*/false, /*allow_unused=*/true);
  std::vector<at::Tensor> gradients;
  const auto parameters = network->parameters();
  for (size_t i = 0; i < found.size(); ++i) {
    gradients.push_back((found[i].defined() ? found[i] : at::zeros_like(parameters[i])).flatten());
  }
  return {output.detach(), at::cat(gradients)};
}

void add_errors(Section& section, const std::string& name, const at::Tensor& found,
                const at::Tensor& expected) {
  const at::Tensor reference = expected.to(at::kCPU, at::kDouble).flatten();
  const double size = std::sqrt(reference.square().mean().item<double>());
  const at::Tensor error =
      std::get<0>(((found.to(at::kCPU, at::kDouble).flatten() - reference).abs() / size).sort());
  const auto quantile = [&](double share) {
    return error[static_cast<int64_t>(share * static_cast<double>(error.numel() - 1))].item<double>();
  };
  section.figures.push_back({name + ": average", error.mean().item<double>(), "", ""});
  section.figures.push_back({name + ": 90 %", quantile(0.9), "", ""});
  section.figures.push_back({name + ": 99 %", quantile(0.99), "", ""});
  section.figures.push_back({name + ": largest", quantile(1), "", ""});
}

}  // namespace

Section errors(const Settings& settings) {
  const model::Inputs inputs = make_inputs(settings.workload, settings.batch, settings.device);
  const Result expected = in_float64(settings, inputs);
  Section section{"error against the modules in float64, relative to the root mean square", {}};
  const auto add = [&](const std::string& name, const engine::Compute& compute, const std::string& request) {
    const Result found = evaluate(settings, compute, request, inputs);
    add_errors(section, name + ", output", found.output, expected.output);
    add_errors(section, name + ", gradient", found.gradient, expected.gradient);
  };
  add("reference engine", at::kFloat, "reference");
  if (settings.device.is_cpu()) add("tile engine", at::kFloat, "tile");
  if (engine::fast_products(settings.device) == engine::FastProducts::none) return section;
  if (settings.device.is_cpu()) add(rounded_in_bfloat16x3(), in_bfloat16x3(), "tile");
  add("bfloat16", at::kBFloat16, "auto");
  return section;
}

}  // namespace fluxsbi::app::bench
