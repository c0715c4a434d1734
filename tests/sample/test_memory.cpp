// The estimates of memory, by which chunks are cut, against what the kernel counts.
#include <string>

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>

#include "config/reader.hpp"
#include "engine/choice.hpp"
#include "engine/engine.hpp"
#include "method/flow_matching.hpp"
#include "sample/bound.hpp"
#include "sample/draw.hpp"
#include "sample/memory.hpp"
#include "support/catch.hpp"
#include "support/peak_memory.hpp"

using namespace fluxsbi;

namespace {

// Estimates ask for about this much: enough that what the libraries keep for themselves does not count.
constexpr double wanted = 30e6;
// Modules took 0.38 to 0.82 of the estimate when drawing and 0.22 to 0.37 with gradient, which depends on the
// shape.
constexpr double modules_factor = 10;
// The tile engine works on 16 samples at a time: it took 0.001 to 0.036.
constexpr double tiles_factor = 10;

struct Subject {
  std::string name, lines;
  int64_t x_dim;
};

// Few tokens, where products take most, and many, where attention does.
const Subject subjects[] = {
    {"flux1", "depth: 2, depth_single_blocks: 4, num_heads: 4, axes_dim: [10]", 3},
    {"flux1", "depth: 2, depth_single_blocks: 4, num_heads: 4, axes_dim: [10]", 60},
    {"flux1joint", "depth_single_blocks: 4, num_heads: 4, id_merge_mode: sum, val_emb_dim: 10", 3},
    {"flux1joint", "depth_single_blocks: 4, num_heads: 4, id_merge_mode: sum, val_emb_dim: 10", 60},
    {"simformer", "dim_value: 20, dim_id: 20, dim_condition: 20, num_heads: 4, num_layers: 4", 3},
    {"simformer", "dim_value: 20, dim_id: 20, dim_condition: 20, num_heads: 4, num_layers: 4", 60},
};

struct Example {
  explicit Example(const Subject& subject) : shape{2, 1, subject.x_dim, 1, {}, {}} {
    const std::string dtype = subject.name == "simformer" ? "" : ", param_dtype: float32";
    const config::Value document = config::parse_yaml("model: {" + subject.lines + dtype + "}\n", "a.yaml");
    config::Reader reader(document);
    const auto spec = model::make_spec(subject.name);
    spec->read(reader);
    reader.finish();
    spec->resolve(shape);
    network = spec->build();
    network->initialise(1);
    joint = network->joint();
    tokens = joint ? 2 + subject.x_dim : 2;
    engine = engine::make_engine(network, at::kFloat, at::kCPU, "auto");
  }

  model::Inputs inputs(const at::Tensor& t, const at::Tensor& x) const {
    model::Inputs inputs;
    inputs.t = t, inputs.obs = x;
    if (!joint) inputs.cond = at::ones({x.size(0), shape.x_dim, 1});
    if (joint) inputs.condition_mask = at::zeros({1, tokens, 1}, at::kBool);
    return inputs;
  }

  // Bytes that drawing `draws` samples in one chunk took at its peak, beside the result.
  double drawing(int64_t draws, bool modules) const {
    const method::FlowMatching method{{}};
    const std::vector<double> zeros(static_cast<size_t>(tokens)), ones(static_cast<size_t>(tokens), 1);
    const data::Standardiser units{zeros, ones};
    sample::Source source;
    source.method = &method;
    source.frame = sample::Frame(units);
    source.tokens = source.kept = tokens;
    source.bind = [&](std::span<const int64_t>) {
      sample::Bound bound;
      bound.network = [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
        const at::NoGradGuard no_grad;
        return modules ? network->forward(inputs(t, x)) : engine->forward(inputs(t, x));
      };
      return bound;
    };
    sample::SamplingOptions options;
    options.solver = "dopri5";
    options.atol = options.rtol = 0.1;
    sample::draw(source, {1, 64, 0, 0, 64}, options);  // what is allocated once
    const test::PeakMemory peak;
    if (!peak.works()) SKIP("the kernel does not let a process reset its peak of memory");
    const sample::Samples samples = sample::draw(source, {1, draws, 0, 0, draws}, options);
    REQUIRE(samples.unfilled() == 0);
    return peak.bytes() - static_cast<double>(samples.values.size() * sizeof(double) + samples.filled.size());
  }

  // The same for one evaluation with gradient of `rows` rows.
  double pulling_back(int64_t rows, bool modules) const {
    const auto pull = [&](int64_t n) {
      const at::Tensor x = at::randn({n, tokens, 1}), cotangent = at::randn({n, tokens, 1});
      const test::PeakMemory peak;
      if (!peak.works()) SKIP("the kernel does not let a process reset its peak of memory");
      if (modules) {
        const at::AutoGradMode gradients(true);
        const at::Tensor state = x.detach().requires_grad_(true);
        at::Tensor output = network->forward(inputs(at::full({n}, 0.4F), state));
        output.backward(cotangent);
        return peak.bytes();
      }
      engine->input_gradients(inputs(at::full({n}, 0.4F), x), cotangent, engine::InputsOf::obs);
      return peak.bytes();
    };
    pull(64);
    return pull(rows);
  }

  data::DataShape shape;
  std::shared_ptr<model::Network> network;
  std::unique_ptr<engine::Engine> engine;
  bool joint = false;
  int64_t tokens = 0;
};

}  // namespace

TEST_CASE("the estimate of a sample's memory bounds what drawing takes", "[sample][memory]") {
  for (const Subject& subject : subjects) {
    const Example example(subject);
    const double bytes =
        sample::bytes_per_sample(example.engine->parameters(), example.shape, example.tokens);
    const auto draws = static_cast<int64_t>(wanted / bytes);
    const double estimate = bytes * static_cast<double>(draws);
    const double by_engine = example.drawing(draws, false), by_modules = example.drawing(draws, true);
    CAPTURE(subject.name, subject.x_dim, draws);
    CHECK(by_modules < estimate);
    CHECK(by_modules > estimate / modules_factor);
    CHECK(by_engine < estimate / tiles_factor);
  }
}

TEST_CASE("the estimate of a gradient's memory bounds what an evaluation takes", "[sample][memory]") {
  for (const Subject& subject : subjects) {
    const Example example(subject);
    const double bytes = sample::bytes_per_pull_back(example.engine->parameters(), example.shape);
    const auto rows = static_cast<int64_t>(wanted / bytes);
    const double estimate = bytes * static_cast<double>(rows);
    const double by_engine = example.pulling_back(rows, false), by_modules = example.pulling_back(rows, true);
    CAPTURE(subject.name, subject.x_dim, rows);
    CHECK(by_modules < estimate);
    CHECK(by_modules > estimate / modules_factor);
    CHECK(by_engine < estimate / tiles_factor);
  }
}
