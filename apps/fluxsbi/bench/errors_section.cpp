#include <algorithm>
#include <cmath>

#include <ATen/Functions.h>

#include "bench/engine_training.hpp"
#include "bench/sections.hpp"
#include "bench/workload.hpp"
#include "engine/device.hpp"
#include "model/ops/fused.hpp"

namespace fluxsbi::app::bench {

namespace {

struct Result {
  at::Tensor output, gradient;
};

Result evaluate(const Settings& settings, at::ScalarType compute, const std::string& request,
                const model::Inputs& inputs) {
  const auto engine =
      engine::make_engine(make_network(settings.workload, 0), compute, settings.device, request);
  engine::Regression problem{inputs, at::zeros_like(inputs.obs), at::ones({1}, inputs.obs.options())};
  engine->accumulate_gradient(problem, 1.0 / static_cast<double>(inputs.obs.numel()));
  return {engine->forward(inputs), engine->parameters().gradient.clone()};
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
  const Result expected = [&] {
    const model::ops::UseFused off(false);
    return evaluate(settings, at::kFloat, "reference", inputs);
  }();
  Section section{"error against plain float32 operations, relative to the root mean square", {}};
  const auto add = [&](const std::string& name, at::ScalarType compute, const std::string& request) {
    const Result found = evaluate(settings, compute, request, inputs);
    add_errors(section, name + ", output", found.output, expected.output);
    add_errors(section, name + ", gradient", found.gradient, expected.gradient);
  };
  add("reference engine", at::kFloat, "reference");
  if (settings.device.is_cpu()) add("tile engine", at::kFloat, "tile");
  if (engine::has_bfloat16(settings.device)) add("bfloat16", at::kBFloat16, "auto");
  return section;
}

}  // namespace fluxsbi::app::bench
