#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "bench/engine_training.hpp"
#include "bench/plain_training.hpp"
#include "bench/sections.hpp"
#include "bench/timing.hpp"
#include "bench/workload.hpp"
#include "core/system.hpp"
#include "engine/device.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t data_rows = 10000;

// Seconds that the products of a pass over one batch take by themselves: forward y = x W^T, and with
// `backward` also dx = dy W and dW = dy^T x.
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

std::string spread_of(const Rate& rate) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3g to %.3g", rate.lowest, rate.highest);
  return text;
}

void add_shares(Section& section, double seconds, double operations, const std::string& unit, double units,
                double reached) {
  section.figures.push_back({"matrix products alone", units / seconds, unit,
                             "at " + std::to_string(static_cast<int64_t>(operations / seconds / 1e9)) +
                                 " GFLOP/s, the library's own rate for these shapes"});
  section.figures.push_back(
      {"share of that reached", 100 * reached * seconds / units, "%", "fused operations"});
}

}  // namespace

Section training(const Settings& settings) {
  const auto data = make_data(settings.workload, data_rows, settings.device);
  const auto plain_network = make_network(settings.workload, 0);
  plain_network->to(settings.device);
  PlainTraining plain(plain_network, data, settings.batch);
  EngineTraining engine(settings.workload, data, settings.batch),
      fused(settings.workload, data, settings.batch);
  const auto wait = [&] { engine::synchronize(settings.device); };
  const auto rates = measure({{"plain", [&] { plain.step(); }, wait},
                              {"engine", [&] { engine.step(/*fused=*/false); }, wait},
                              {"fused", [&] { fused.step(/*fused=*/true); }, wait}},
                             settings.seconds);
  Section section{"training, batch " + std::to_string(settings.batch), {}};
  const char* names[] = {"plain modules, torch AdamW", "engine, plain operations",
                         "engine, fused operations"};
  for (size_t i = 0; i < rates.size(); ++i) {
    section.figures.push_back({names[i], rates[i].median, "steps/s", spread_of(rates[i])});
  }
  section.figures.push_back(
      {"engine / plain, plain operations", rates[1].ratio, "times", "median of rounds"});
  section.figures.push_back(
      {"engine / plain, fused operations", rates[2].ratio, "times", "median of rounds"});
  double operations = 0;
  const double seconds = product_seconds(settings, fused.engine(), true, operations);
  add_shares(section, seconds, operations, "steps/s", 1, rates[2].median);
  return section;
}

Section forward(const Settings& settings) {
  const auto network = make_network(settings.workload, 0);
  const auto engine = engine::make_engine(network, at::kFloat, settings.device);
  const auto inputs = make_inputs(settings.workload, settings.batch, settings.device);
  const auto evaluate = [&](bool on) { return [&, on] { evaluate_with(*engine, inputs, on); }; };
  const auto wait = [&] { engine::synchronize(settings.device); };
  const auto rates =
      measure({{"plain", evaluate(false), wait}, {"fused", evaluate(true), wait}}, settings.seconds / 2);
  const auto batch = static_cast<double>(settings.batch);
  Section section{"network without gradients, batch " + std::to_string(settings.batch), {}};
  section.figures = {{"plain operations", rates[0].median * batch, "rows/s", ""},
                     {"fused operations", rates[1].median * batch, "rows/s", ""},
                     {"fused / plain", rates[1].ratio, "times", "median of rounds"}};
  double operations = 0;
  const double seconds = product_seconds(settings, *engine, false, operations);
  add_shares(section, seconds, operations, "rows/s", batch, rates[1].median * batch);
  return section;
}

Section memory(const Settings& settings) {
  constexpr int64_t early = 100;
  const auto data = make_data(settings.workload, data_rows, settings.device);
  EngineTraining training(settings.workload, data, settings.batch);
  const auto run = [&](int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) training.step(true);
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
