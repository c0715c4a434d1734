// Model cases: build the model from the file's config, load its parameters, compare outputs and gradients.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "core/error.hpp"
#include "engine/choice.hpp"
#include "golden/case.hpp"
#include "golden/engine_case.hpp"
#include "model/blocks/time_embedding.hpp"
#include "model/flux1/flux1.hpp"
#include "model/flux1joint/flux1joint.hpp"
#include "model/gensbi_layout.hpp"
#include "support/threads.hpp"

namespace fluxsbi::golden {

namespace {

// Outputs and losses relative to max(1, largest |value|), gradients relative to the norm of the whole
// gradient (float32 against GenSBI's float32). The Flux models reach 3e-5, most of it from rounding 1000 t in
// float32; Simformer reaches 1e-5.
constexpr double flux_tolerance = 1e-4;
constexpr double simformer_tolerance = 2e-5;
// cos and sin of the same float32 angle
constexpr double rope_tolerance = 1e-5;

double tolerance_of(const Case& golden) {
  return golden.setting("model") == "simformer" ? simformer_tolerance : flux_tolerance;
}

/// Names of the file's inputs and the member of model::Inputs that each one is.
struct InputName {
  const char* name;
  torch::Tensor model::Inputs::*member;
  bool differentiable;
};
constexpr std::array input_names{
    InputName{"t", &model::Inputs::t, true},
    InputName{"obs", &model::Inputs::obs, true},
    InputName{"cond", &model::Inputs::cond, true},
    InputName{"guidance", &model::Inputs::guidance, true},
    InputName{"obs_ids", &model::Inputs::obs_ids, false},
    InputName{"node_ids", &model::Inputs::obs_ids, false},
    InputName{"cond_ids", &model::Inputs::cond_ids, false},
    InputName{"conditioned", &model::Inputs::conditioned, false},
    InputName{"condition_mask", &model::Inputs::condition_mask, false},
    InputName{"edge_mask", &model::Inputs::edge_mask, false},
};

/// Keys of `config` that describe the file and not the model's section (`dtype` is read by the train room).
config::Value model_section(const Case& golden) {
  static const std::set<std::string> not_the_models{"model", "generation", "hidden_size", "dtype"};
  config::Value document = golden.config;
  config::Value& section = document.map.front().second;
  for (size_t i = section.map.size(); i-- > 0;) {
    if (!not_the_models.count(section.map[i].first)) continue;
    section.map.erase(section.map.begin() + static_cast<std::ptrdiff_t>(i));
    section.key_places.erase(section.key_places.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return document;
}

/// The last two axes of (stream, row, column) ids tell the grid.
std::vector<int64_t> grid_of(const Case& golden, const std::string& ids) {
  if (!golden.has(ids) || golden.tensor(ids).size(-1) != 3) return {};
  const at::Tensor last = golden.tensor(ids).flatten(0, 1).amax(0);
  return {last[1].item<int64_t>() + 1, last[2].item<int64_t>() + 1};
}

data::DataShape shape_of(const Case& golden) {
  data::DataShape shape;
  const at::Tensor obs = golden.tensor("in/obs");
  shape.theta_dim = obs.size(1);
  shape.theta_channels = obs.size(2);
  shape.theta_grid = grid_of(golden, "in/obs_ids");
  if (golden.has("in/cond")) {
    shape.x_dim = golden.tensor("in/cond").size(1);
    shape.x_channels = golden.tensor("in/cond").size(2);
    shape.x_grid = grid_of(golden, "in/cond_ids");
  }
  return shape;
}

using Layout = std::vector<model::GensbiParameter>;

/// Copies param/<path> into the network; every parameter must be in the file, and every one of the file used.
void load_parameters(const Case& golden, model::Network& network, const Layout& layout, Report& report) {
  const c10::NoGradGuard no_gradient;
  const auto parameters = network.named_parameters();
  std::set<std::string> used;
  for (const auto& entry : layout) {
    const std::string array = "param/" + entry.path;
    if (!golden.has(array)) {
      report.fail("the file holds no " + array + " for the parameter " + entry.name);
      continue;
    }
    used.insert(array);
    const torch::Tensor& ours = parameters[entry.name];
    ours.copy_(model::from_gensbi(entry, golden.tensor(array), ours.sizes()));
  }
  for (const auto& [name, array] : golden.content.arrays) {
    const bool is_parameter = name.rfind("param/", 0) == 0 && !model::is_gensbi_table(name);
    if (is_parameter && !used.count(name)) report.fail("the model has no parameter for " + name);
  }
}

model::Inputs inputs_of(const Case& golden, const std::string& call, Report& report) {
  model::Inputs inputs;
  const std::string prefix = call + "in/";
  for (const auto& [name, array] : golden.content.arrays) {
    if (name.rfind(prefix, 0) != 0 || name == prefix + "cotangent") continue;
    const auto row = std::find_if(input_names.begin(), input_names.end(),
                                  [&](const InputName& one) { return name == prefix + one.name; });
    if (row == input_names.end()) {
      report.fail("unknown input " + name);
      continue;
    }
    inputs.*(row->member) = golden.tensor(name).set_requires_grad(row->differentiable);
  }
  return inputs;
}

/// The README's eight numbers of a gradient.
at::Tensor projections(const at::Tensor& gradient) {
  const at::Tensor g = gradient.to(at::kDouble).flatten();
  const at::Tensor index = at::arange(1, g.numel() + 1, at::kDouble);
  std::vector<at::Tensor> numbers{g.sum(), g.abs().sum(), g.norm(), g.abs().max()};
  for (const double w : {0.1, 0.37, 1.3, 2.9}) numbers.push_back((g * at::cos(index * w)).sum());
  return at::stack(numbers);
}

struct Gradient {
  std::string path;
  at::Tensor ours;       ///< in GenSBI's layout, flattened
  at::Tensor full;       ///< the file's grad/, flattened; or
  at::Tensor projected;  ///< the file's gradproj/ [8]
};

/// d loss / d parameter of every parameter, against grad/ or gradproj/. Returns the norm of the whole
/// gradient. `by` begins the lines of the report.
double compare_gradients(const Case& golden, const std::string& call, const model::Network& network,
                         const Layout& layout, Report& report, const std::string& by = "") {
  const auto parameters = network.named_parameters();
  std::vector<Gradient> gradients;
  double squares = 0;  // of the whole reference gradient
  for (const auto& entry : layout) {
    const torch::Tensor& parameter = parameters[entry.name];
    const at::Tensor ours = parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter);
    Gradient gradient{entry.path, model::to_gensbi(entry, ours.detach().to(at::kCPU)).flatten(), {}, {}};
    const std::string full = call + "grad/" + entry.path, projected = call + "gradproj/" + entry.path;
    if (golden.has(full)) {
      gradient.full = golden.numbers(full);
      squares += gradient.full.square().sum().item<double>();
    } else if (golden.has(projected)) {
      gradient.projected = golden.numbers(projected);
      squares += std::pow(gradient.projected[2].item<double>(), 2);
    } else {
      report.fail("the file holds no gradient of " + entry.path + " for the call '" + call + "'");
      continue;
    }
    gradients.push_back(std::move(gradient));
  }

  const double norm = std::sqrt(squares);
  const double bound = tolerance_of(golden) * norm;
  for (const auto& gradient : gradients) {
    const std::string what = by + call + "gradient of " + gradient.path;
    if (gradient.full.defined()) {
      report.compare(what, (gradient.ours.to(at::kDouble) - gradient.full).abs().max().item<double>(), bound);
      continue;
    }
    const at::Tensor difference = (projections(gradient.ours) - gradient.projected).abs();
    const double root_size = std::sqrt(static_cast<double>(gradient.ours.numel()));
    for (int64_t i = 0; i < difference.numel(); ++i) {
      const bool is_sum = i != 2 && i != 3;
      report.compare(what + ", number " + std::to_string(i), difference[i].item<double>(),
                     is_sum ? bound * root_size : bound);
    }
  }
  return norm;
}

/// d loss / d input, relative to the norm of the gradient by all parameters and this input: dy/dt passes
/// through cos(1000 t f), and the rounding of that angle is not small beside dy/dt itself.
void compare_input_gradients(const Case& golden, const std::string& call, const model::Inputs& inputs,
                             double parameter_norm, Report& report) {
  for (const auto& row : input_names) {
    const std::string array = call + "grad_in/" + row.name;
    if (!golden.has(array)) continue;
    const torch::Tensor& input = inputs.*(row.member);
    const at::Tensor ours =
        (input.grad().defined() ? input.grad() : at::zeros_like(input)).flatten().to(at::kCPU, at::kDouble);
    const at::Tensor reference = golden.numbers(array);
    const double norm = std::hypot(parameter_norm, reference.norm().item<double>());
    report.compare(array, (ours - reference).abs().max().item<double>(), tolerance_of(golden) * norm);
  }
}

/// One call with its gradients.
void check_call(const Case& golden, const std::string& call, model::Network& network, const Layout& layout,
                Report& report) {
  const model::Inputs inputs = inputs_of(golden, call, report);
  const bool reduced = golden.has(call + "out/y_float32");
  network.zero_grad();
  const torch::Tensor y = network.forward(inputs);
  report.compare(call + "out/y", y, golden.tensor(call + (reduced ? "out/y_float32" : "out/y")),
                 tolerance_of(golden));
  if (golden.metadata("gradients") == "none") return;

  const torch::Tensor loss = at::sum(y * golden.tensor(call + "in/cotangent"));
  report.compare(call + "out/loss", loss.reshape({1}), golden.tensor(call + "out/loss").reshape({1}),
                 tolerance_of(golden));
  loss.backward();
  const double norm = compare_gradients(golden, call, network, layout, report);
  compare_input_gradients(golden, call, inputs, norm, report);
}

/// What can be had without looking into the network. (In the reduced-precision cases mid/ is reduced too.)
void compare_intermediates(const Case& golden, model::Network& network, Report& report) {
  if (golden.has("out/y_float32")) return;
  Report unused;
  const model::Inputs inputs = inputs_of(golden, "", unused);
  if (golden.has("mid/timestep_embedding")) {
    const at::Tensor reference = golden.tensor("mid/timestep_embedding");
    report.compare("mid/timestep_embedding", model::TimeEmbedding(reference.size(1))(inputs.t), reference,
                   flux_tolerance);
  }
  if (golden.has("mid/time_in")) {  // the Flux models'
    const auto& time_in = dynamic_cast<model::MlpEmbedder&>(*network.named_children()["time_in"]);
    report.compare("mid/time_in", time_in.forward(golden.tensor("mid/timestep_embedding")),
                   golden.tensor("mid/time_in"), flux_tolerance);
  }
  if (golden.has("mid/pe")) {
    const auto* joint = dynamic_cast<model::Flux1Joint*>(&network);
    const at::Tensor rope = joint ? joint->rope(inputs) : dynamic_cast<model::Flux1&>(network).rope(inputs);
    // [B, 1, T, D/2, 2, 2], each [[cos, -sin], [sin, cos]] -> cos + i sin [T, B, D/2]
    const at::Tensor first_column = golden.tensor("mid/pe").select(1, 0).select(-1, 0).transpose(0, 1);
    const at::Tensor ours = at::view_as_real(rope.select(2, 0).select(2, 0));
    report.compare("mid/pe", ours.expand_as(first_column), first_column, rope_tolerance);
  }
}

/// The same parameters in bfloat16: no farther from the float32 result than GenSBI's own reduced precision.
void check_bfloat16(const Case& golden, model::Network& network, Report& report) {
  const c10::NoGradGuard no_gradient;
  const at::ScalarType type = network.accept(at::kBFloat16);
  for (auto& parameter : network.parameters()) parameter.set_data(parameter.to(type));
  const at::Tensor exact = golden.tensor("out/y_float32");
  const double gensbi = (golden.tensor("out/y") - exact).abs().max().item<double>();
  Report unused;
  const torch::Tensor y = network.forward(inputs_of(golden, "", unused));
  if (y.scalar_type() != at::kFloat) report.fail("the output is not float32");
  report.compare("out/y in bfloat16", (y - exact).abs().max().item<double>(), gensbi);
}

/// The same by an engine for `copies` copies of the call's rows; the gradient of a cond that has one row for
/// all is their sum.
void compare_input_gradients(const Case& golden, const std::string& call, engine::Engine& engine,
                             const model::Inputs& inputs, const at::Tensor& cotangent, int64_t copies,
                             double parameter_norm, Report& report) {
  const auto found = engine.input_gradients(inputs, cotangent, engine::InputsOf::all);
  const std::pair<const char*, at::Tensor> gradients[] = {
      {"t", found.t}, {"obs", found.obs}, {"cond", found.cond}, {"guidance", found.guidance}};
  for (const auto& [name, gradient] : gradients) {
    const std::string array = call + "grad_in/" + name;
    if (!golden.has(array)) continue;
    const at::Tensor reference = golden.numbers(array).reshape({1, -1});
    at::Tensor ours = gradient.to(at::kCPU, at::kDouble).reshape({-1, reference.numel()});
    if (ours.size(0) == 1) ours = ours / static_cast<double>(copies);
    const double norm = std::hypot(parameter_norm, reference.norm().item<double>());
    report.compare(std::string(engine.name()) + " engine: " + array,
                   (ours - reference).abs().max().item<double>(), tolerance_of(golden) * norm);
  }
}

/// One call through an engine whose batch is the call's rows so often that each of its threads takes some.
void check_engine(const Case& golden, const std::string& call, engine::Engine& engine, const Layout& layout,
                  Report& report) {
  constexpr int64_t least_rows = 100;
  Report unused;
  const model::Inputs once = inputs_of(golden, call, unused);
  const int64_t copies = least_rows / once.obs.size(0) + 1;
  const bool with_gradient = golden.metadata("gradients") != "none";
  const std::string by = std::string(engine.name()) + " engine: ";
  const auto repeated = [&](const std::string& array) { return golden.tensor(array).repeat({copies, 1, 1}); };

  const std::string y = call + (golden.has(call + "out/y_float32") ? "out/y_float32" : "out/y");
  const at::Tensor cotangent = with_gradient ? repeated(call + "in/cotangent") : at::Tensor();
  const EngineResult result = evaluate(engine, repeat_rows(once, copies), cotangent, copies);
  report.compare(by + y, result.output, repeated(y), tolerance_of(golden));
  if (!with_gradient) return;
  report.compare(by + call + "loss", result.loss.reshape({1}), cotangent.square().sum().reshape({1}) / 2,
                 tolerance_of(golden));
  const double norm = compare_gradients(golden, call, *engine.parameters().network(), layout, report, by);
  compare_input_gradients(golden, call, engine, repeat_rows(once, copies), cotangent, copies, norm, report);
}

/// The engines of training and sampling on the file's calls: they take the network's parameters over, in the
/// end in bfloat16 where the file has a reduced-precision result. FLUXSBI_ENGINE = reference or tile leaves
/// one of them; on another device than the CPU there is the reference engine alone.
void check_engines(const Case& golden, const std::vector<std::string>& calls,
                   const std::shared_ptr<model::Network>& network, const Layout& layout, Report& report) {
  const char* named = std::getenv("FLUXSBI_ENGINE");
  const std::string wanted = !device().is_cpu() ? "reference" : named ? named : "";
  for (const auto& call : calls) {
    const test::Threads two(2);
    if (wanted != "tile") {
      check_engine(golden, call, *engine::make_reference_engine(network, at::kFloat, device()), layout,
                   report);
    }
    if (wanted != "reference") {
      check_engine(golden, call, *engine::make_engine(network, at::kFloat, at::kCPU, "tile"), layout, report);
    }
  }
  if (!golden.has("out/y_float32")) return;
  const at::Tensor exact = golden.tensor("out/y_float32");
  Report unused;
  const at::Tensor y =
      engine::make_reference_engine(network, at::kBFloat16, device())->forward(inputs_of(golden, "", unused));
  report.compare("reference engine: out/y in bfloat16", (y - exact).abs().max().item<double>(),
                 (golden.tensor("out/y") - exact).abs().max().item<double>());
}

std::vector<std::string> calls_of(const Case& golden) {
  const config::Value list = config::parse_yaml("calls: " + golden.metadata("calls") + "\n", golden.name);
  std::vector<std::string> calls;
  for (const auto& call : list.find("calls")->list)
    calls.push_back(call.scalar.empty() ? "" : call.scalar + "/");
  return calls;
}

}  // namespace

void check_model(const Case& golden, Report& report) {
  const config::Value section = model_section(golden);
  config::Reader reader(section);
  const auto spec = model::make_spec(golden.setting("model"));
  spec->read(reader);
  reader.finish();
  spec->resolve(shape_of(golden));
  const auto network = spec->build();
  const Layout layout = model::gensbi_layout(*network);
  load_parameters(golden, *network, layout, report);
  if (report.failed()) return;
  network->to(device());

  const std::vector<std::string> calls = calls_of(golden);
  for (const auto& call : calls) check_call(golden, call, *network, layout, report);
  compare_intermediates(golden, *network, report);
  check_engines(golden, calls, network, layout, report);
  if (golden.has("out/y_float32")) check_bfloat16(golden, *network, report);
}

}  // namespace fluxsbi::golden
