// GenSBI's exports: imported by the program, as a user does, then compared with what GenSBI computed from the
// same weights.
#include <filesystem>
#include <optional>

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include "app/program.hpp"
#include "checkpoint/model_file.hpp"
#include "core/error.hpp"
#include "experiment/open_posterior.hpp"
#include "golden/case.hpp"
#include "sample/solver/solver.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::golden {

namespace {

namespace fs = std::filesystem;

// As for the model cases; the differences of 100 steps do not add up beyond one evaluation's.
constexpr double gensbi_flux_tolerance = 1e-4, gensbi_simformer_tolerance = 2e-5;
constexpr int64_t euler_steps = 100;

std::optional<fs::path> weights_of(const fs::path& folder, const std::string& name,
                                   const std::string& suffix) {
  const fs::path path = folder / (name + suffix + ".safetensors");
  return fs::exists(path) ? std::optional(path) : std::nullopt;
}

/// The model file that `fluxsbi import gensbi` makes, or nothing and a failure.
std::optional<checkpoint::ModelFile> import(const fs::path& weights, const fs::path& config,
                                            const Case& golden, Report& report) {
  const test::TemporaryFolder folder;
  const std::string out = folder.file("model.safetensors");
  std::vector<std::string> words{"import", "gensbi", weights.string(), "--config", config, "-o", out};
  for (const auto& [flag, key] : {std::pair("--obs-dim", "dim_obs"), std::pair("--cond-dim", "dim_cond")}) {
    const std::string count = golden.metadata(key);
    if (!count.empty()) words.insert(words.end(), {flag, count});
  }
  const test::Outcome outcome = test::run(words);
  if (outcome.code == 0) return checkpoint::load_model(out);
  report.fail("import of " + weights.filename().string() + ": " + outcome.output);
  return std::nullopt;
}

model::Inputs inputs_of(const Case& golden, bool with_ids) {
  model::Inputs inputs;
  inputs.t = golden.tensor("in/t");
  inputs.obs = golden.tensor("in/obs");
  if (golden.has("in/cond")) inputs.cond = golden.tensor("in/cond");
  if (golden.has("in/condition_mask")) inputs.condition_mask = golden.tensor("in/condition_mask");
  if (!with_ids) return inputs;
  for (const char* ids : {"in/obs_ids", "in/node_ids"}) {
    if (golden.has(ids)) inputs.obs_ids = golden.tensor(ids);
  }
  if (golden.has("in/cond_ids")) inputs.cond_ids = golden.tensor("in/cond_ids");
  return inputs;
}

double tolerance_of(const checkpoint::ModelFile& file) {
  return file.config.find("simformer") == std::string::npos ? gensbi_flux_tolerance
                                                            : gensbi_simformer_tolerance;
}

/// The network with x_o [1, M, K] bound: its velocity of the obs tokens.
sample::Evaluate bound(engine::Engine& engine, const at::Tensor& x_o) {
  const bool joint = engine.parameters().network()->joint();
  return [&engine, x_o, joint](const at::Tensor& t, const at::Tensor& x, const at::Tensor&) {
    model::Inputs inputs;
    inputs.t = t;
    inputs.obs = x;
    if (!joint) {
      inputs.cond = x_o;
      return engine.forward(inputs);
    }
    const int64_t rows = x.size(0), tokens = x.size(1), given = x_o.size(1);
    inputs.obs = at::cat({x, x_o.expand({rows, -1, -1})}, 1);
    inputs.condition_mask =
        at::cat({at::zeros({1, tokens, 1}, at::kBool), at::ones({1, given, 1}, at::kBool)}, 1).to(x.device());
    return engine.forward(inputs).narrow(1, 0, tokens);
  };
}

/// Posterior samples from fixed noise, GenSBI's way. Rows that its own float64 run does not confirm are left
/// out.
void compare_samples(const Case& golden, sample::Posterior& posterior, double tolerance, Report& report) {
  const std::string array = "out/posterior_euler" + std::to_string(euler_steps);
  if (!golden.has(array)) return;
  const auto path = posterior.method().path();
  const sample::PathEquation equation(*path, bound(posterior.engine(), golden.tensor("in/x_o")));
  sample::SolverOptions options;
  options.steps = euler_steps;
  const at::Tensor ours =
      sample::sample_path(sample::find_solver("euler"), equation, golden.tensor("in/x0_sampling"), options).x;
  const at::Tensor stable = golden.has("out/posterior_stable")
                                ? golden.tensor("out/posterior_stable")
                                : at::ones({ours.size(0)}, at::kBool).to(ours.device());
  const at::Tensor rows = stable.nonzero().view(-1);
  if (rows.numel() == 0) return report.fail("no row of out/posterior_stable is stable");
  report.compare(array, ours.index_select(0, rows), golden.tensor(array).index_select(0, rows), tolerance);
}

}  // namespace

std::vector<std::string> gensbi_exports(const std::string& folder) {
  const std::string tail = "_io.safetensors";
  std::vector<std::string> names;
  std::error_code no_folder;
  for (const auto& entry : fs::directory_iterator(folder, no_folder)) {
    const std::string file = entry.path().filename().string();
    if (file.size() > tail.size() && file.ends_with(tail))
      names.push_back(file.substr(0, file.size() - tail.size()));
  }
  return names;
}

void check_gensbi_export(const std::string& folder, const std::string& name, Report& report) {
  const c10::NoGradGuard no_gradient;
  Case golden{name, io::load_safetensors(folder + "/" + name + "_io.safetensors"), {}};
  const fs::path config = fs::path(folder) / (name + ".yaml");
  bool found = false;
  for (const auto& [suffix, array] : {std::pair("_ema", "out/y"), std::pair("_raw", "out/y_raw")}) {
    const auto weights = weights_of(folder, name, suffix);
    if (!weights || !golden.has(array)) continue;
    found = true;
    const auto file = import(*weights, config, golden, report);
    if (!file) continue;
    sample::Posterior posterior = experiment::make_posterior(*file, {device_name(), "auto"}, "float32");
    const double tolerance = tolerance_of(*file);
    const at::Tensor reference = golden.tensor(array);
    // The model numbers its tokens as GenSBI's pipelines do.
    for (const bool with_ids : {true, false}) {
      report.compare(array, posterior.engine().forward(inputs_of(golden, with_ids)), reference, tolerance);
    }
    if (std::string(suffix) == "_ema") compare_samples(golden, posterior, tolerance, report);
  }
  if (!found) report.fail("there is no " + name + "_ema.safetensors beside its _io file");
}

}  // namespace fluxsbi::golden
