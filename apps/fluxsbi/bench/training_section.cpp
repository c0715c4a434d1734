#include <iterator>
#include <memory>
#include <optional>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "bench/engine_training.hpp"
#include "bench/plain_training.hpp"
#include "bench/sections.hpp"
#include "bench/timing.hpp"
#include "bench/workload.hpp"
#include "core/system.hpp"
#include "engine/choice.hpp"
#include "engine/device.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t data_rows = 10000;

}  // namespace

double product_seconds(const Settings& settings, engine::Engine& engine, bool backward, double& operations) {
  const at::NoGradGuard no_gradient;
  operations = 0;
  double seconds = 0;
  const auto inputs = make_inputs(settings.workload, settings.batch, settings.device);
  for (const Product& product : products(*engine.parameters().network(), inputs)) {
    const auto options = at::TensorOptions(settings.device).dtype(at::kFloat);
    const at::Tensor x = at::randn({product.rows, product.in}, options);
    const at::Tensor w = at::randn({product.out, product.in}, options);
    at::Tensor y = at::randn({product.rows, product.out}, options);
    at::Tensor dx = at::empty_like(x), dw = at::empty_like(w);
    const auto multiply = [&] {
      at::mm_out(y, x, w.t());
      if (!backward) return;
      at::mm_out(dx, y, w);
      at::mm_out(dw, y.t(), x);
    };
    const Variant variant{"products", multiply, [&] { engine::synchronize(settings.device); }};
    const auto times = static_cast<double>(product.times);
    seconds += times / measure({variant}, 0).front().median;
    operations +=
        times * 2 * static_cast<double>(product.rows * product.in * product.out) * (backward ? 3 : 1);
  }
  return seconds;
}

namespace {

std::string spread_of(const Rate& rate, double units) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g to %.3g", rate.lowest * units, rate.highest * units);
  return text;
}

void add_shares(Section& section, double seconds, double operations, const std::string& unit, double units,
                double reached) {
  section.figures.push_back({"matrix products alone", units / seconds, unit,
                             "at " + std::to_string(static_cast<int64_t>(operations / seconds / 1e9)) +
                                 " GFLOP/s, the library's own rate for these shapes"});
  section.figures.push_back({"share of that reached", 100 * reached * seconds / units, "%", ""});
}

// The rates of the plain path, the reference engine and the engine that `auto` chooses, and their ratios.
void add_rates(Section& section, const std::vector<Rate>& rates, const std::string& engine,
               const std::string& unit, double units) {
  const std::string names[] = {"plain modules", "reference engine", engine + " engine"};
  for (size_t i = 0; i < std::size(names); ++i) {
    section.figures.push_back({names[i], rates[i].median * units, unit, spread_of(rates[i], units)});
  }
  section.figures.push_back({"reference engine / plain", rates[1].ratio, "times", "median of rounds"});
  section.figures.push_back({engine + " engine / plain", rates[2].ratio, "times", "median of rounds"});
  section.figures.push_back(
      {engine + " engine / reference engine", rates[2].ratio / rates[1].ratio, "times", ""});
}

// Rounded products, and their ratio to those of float32.
void add_rounded(Section& section, const Rate& rate, const Rate& exact, const std::string& what,
                 const std::string& unit, double units) {
  section.figures.push_back({"with " + what, rate.median * units, unit, spread_of(rate, units)});
  section.figures.push_back({what + " / in float32", rate.ratio / exact.ratio, "times", ""});
}

bool gains_by_rounding(at::Device device) {
  return device.is_cpu() && engine::fast_products(device) != engine::FastProducts::none;
}

}  // namespace

Section training(const Settings& settings) {
  const auto data = make_data(settings.workload, data_rows, settings.device);
  const auto plain_network = make_network(settings.workload, 0);
  plain_network->to(settings.device);
  PlainTraining plain(plain_network, data, settings.batch);
  EngineTraining reference(settings.workload, data, settings.batch, "reference"),
      fastest(settings.workload, data, settings.batch, "auto");
  const auto wait = [&] { engine::synchronize(settings.device); };
  std::vector<Variant> variants{{"plain", [&] { plain.step(); }, wait},
                                {"reference", [&] { reference.step(); }, wait},
                                {"fastest", [&] { fastest.step(); }, wait}};
  std::optional<EngineTraining> rounded, narrow;
  if (gains_by_rounding(settings.device)) {
    rounded.emplace(settings.workload, data, settings.batch, "auto", in_bfloat16x3());
    narrow.emplace(settings.workload, data, settings.batch, "auto", at::kBFloat16);
    variants.push_back({"rounded", [&] { rounded->step(); }, wait});
    variants.push_back({"narrow", [&] { narrow->step(); }, wait});
  }
  const auto rates = measure(variants, settings.seconds);
  Section section{"training, batch " + std::to_string(settings.batch), {}};
  add_rates(section, rates, std::string(fastest.engine().name()), "steps/s", 1);
  if (rounded) {
    add_rounded(section, rates[3], rates[2], rounded_in_bfloat16x3(), "steps/s", 1);
    add_rounded(section, rates[4], rates[2], "products in bfloat16", "steps/s", 1);
  }
  double operations = 0;
  const double seconds = product_seconds(settings, fastest.engine(), true, operations);
  add_shares(section, seconds, operations, "steps/s", 1, rates[2].median);
  return section;
}

Section forward(const Settings& settings) {
  const auto engine_of = [&](const char* request, const engine::Compute& compute = at::kFloat) {
    return engine::make_engine(make_network(settings.workload, 0), compute, settings.device, request);
  };
  const auto plain = make_network(settings.workload, 0);
  plain->to(settings.device);
  const auto reference = engine_of("reference"), fastest = engine_of("auto");
  const auto inputs = make_inputs(settings.workload, settings.batch, settings.device);
  const auto evaluate_plain = [&] {
    const at::NoGradGuard no_gradient;
    plain->forward(inputs);
  };
  const auto wait = [&] { engine::synchronize(settings.device); };
  std::vector<Variant> variants{{"plain", evaluate_plain, wait},
                                {"reference", [&] { reference->forward(inputs); }, wait},
                                {"fastest", [&] { fastest->forward(inputs); }, wait}};
  std::unique_ptr<engine::Engine> narrow;
  if (gains_by_rounding(settings.device)) {
    narrow = engine_of("auto", at::kBFloat16);
    variants.push_back({"narrow", [&] { narrow->forward(inputs); }, wait});
  }
  const auto rates = measure(variants, settings.seconds / 2);
  const auto batch = static_cast<double>(settings.batch);
  Section section{"network without gradients, batch " + std::to_string(settings.batch), {}};
  add_rates(section, rates, std::string(fastest->name()), "rows/s", batch);
  if (narrow) add_rounded(section, rates[3], rates[2], "products in bfloat16", "rows/s", batch);
  double operations = 0;
  const double seconds = product_seconds(settings, *fastest, false, operations);
  add_shares(section, seconds, operations, "rows/s", batch, rates[2].median * batch);
  return section;
}

Section memory(const Settings& settings) {
  constexpr int64_t early = 100;
  const auto data = make_data(settings.workload, data_rows, settings.device);
  EngineTraining training(settings.workload, data, settings.batch, "auto");
  const auto run = [&](int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) training.step();
    engine::synchronize(settings.device);
    return static_cast<double>(core::resident_memory()) / 1e6;
  };
  const double first = run(early);
  const int64_t more = std::max<int64_t>(0, settings.steps - early);
  const double last = run(more);
  return {"resident memory while training",
          {{"after " + std::to_string(early) + " steps", first, "MB", ""},
           {"after " + std::to_string(early + more) + " steps", last, "MB", ""},
           {"growth", 100 * (last / first - 1), "%", ""}}};
}

}  // namespace fluxsbi::app::bench
