#include <cstdio>

#include "bench/engine_training.hpp"
#include "bench/sections.hpp"
#include "bench/timing.hpp"
#include "engine/choice.hpp"

namespace fluxsbi::app::bench {

namespace {

constexpr int64_t hidden_widths[] = {40, 128, 256}, token_counts[] = {2, 8, 64}, batches[] = {64, 256, 4096};
constexpr double most_operations = 4e10;  // of a forward pass: a round of each then takes seconds

std::string text_of(const char* format, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// A small network of a model: the section `model` for a hidden width.
std::string section_of(std::string_view model, int64_t hidden) {
  const auto F = static_cast<long long>(hidden), D = F / 4;  // 4 heads
  const long long mark = D / 8 * 2;
  if (model == "flux1") {
    return text_of("{num_heads: 4, axes_dim: [%lld], depth: 2, depth_single_blocks: 4, param_dtype: float32}",
                   D);
  }
  if (model == "flux1joint") {
    return text_of(
        "{num_heads: 4, axes_dim: [%lld], condition_dim: [%lld], depth_single_blocks: 6, param_dtype: "
        "float32}",
        D - mark, mark);
  }
  return text_of("{dim_value: %lld, dim_id: %lld, dim_condition: %lld, num_heads: 4, num_layers: 4}",
                 F - 2 * (F / 4), F / 4, F / 4);
}

struct Comparison {
  double ratio;  // to the reference engine
  double rate;   // rows a second
};

Comparison compare(const std::vector<Variant>& variants, const Settings& settings) {
  const auto rates = measure(variants, settings.seconds);
  return {rates[1].ratio, rates[1].median * static_cast<double>(settings.batch)};
}

Comparison forward_of(const Settings& settings) {
  const auto engine_of = [&](const char* request) {
    return engine::make_engine(make_network(settings.workload, 0), at::kFloat, at::kCPU, request);
  };
  const auto reference = engine_of("reference"), tile = engine_of("tile");
  const auto inputs = make_inputs(settings.workload, settings.batch, at::kCPU);
  return compare({{"reference", [&] { reference->forward(inputs); }, [] {}},
                  {"tile", [&] { tile->forward(inputs); }, [] {}}},
                 settings);
}

Comparison training_of(const Settings& settings) {
  const auto data = make_data(settings.workload, settings.batch, at::kCPU);
  EngineTraining reference(settings.workload, data, settings.batch, "reference"),
      tile(settings.workload, data, settings.batch, "tile");
  return compare({{"reference", [&] { reference.step(); }, [] {}}, {"tile", [&] { tile.step(); }, [] {}}},
                 settings);
}

void print_row(const Settings& settings, int64_t hidden, int64_t tokens) {
  const auto engine =
      engine::make_engine(make_network(settings.workload, 0), at::kFloat, at::kCPU, "reference");
  double operations = 0;
  for (const Product& product :
       products(*engine->parameters().network(), make_inputs(settings.workload, settings.batch, at::kCPU))) {
    operations += 2.0 * static_cast<double>(product.rows * product.in * product.out * product.times);
  }
  if (operations > most_operations) return;
  const double forward_seconds = product_seconds(settings, *engine, false, operations);
  const double training_seconds = product_seconds(settings, *engine, true, operations);
  const Comparison forward = forward_of(settings), training = training_of(settings);
  const auto share = [&](const Comparison& found, double seconds) {
    return 100 * found.rate * seconds / static_cast<double>(settings.batch);
  };
  std::printf("| %s | %lld | %lld | %lld | %.2f | %.0f %% | %.2f | %.0f %% |\n",
              std::string(settings.workload.model).c_str(), static_cast<long long>(hidden),
              static_cast<long long>(tokens), static_cast<long long>(settings.batch), forward.ratio,
              share(forward, forward_seconds), training.ratio, share(training, training_seconds));
  std::fflush(stdout);
}

}  // namespace

void sweep(const Settings& given, const std::string& model) {
  std::printf(
      "| model | hidden | tokens | batch | forward: tile / reference | of the products' rate | "
      "training: tile / reference | of the products' rate |\n|---|---|---|---|---|---|---|---|\n");
  for (const Workload& workload : workloads()) {
    if (model != "all" && model != workload.model) continue;
    for (const int64_t hidden : hidden_widths) {
      for (const int64_t tokens : token_counts) {
        for (const int64_t batch : batches) {
          Settings settings = given;
          settings.workload = workload;
          settings.workload.section = section_of(workload.model, hidden);
          settings.workload.tokens = tokens / 2;
          settings.batch = batch;
          print_row(settings, hidden, tokens);
        }
      }
    }
  }
}

}  // namespace fluxsbi::app::bench
