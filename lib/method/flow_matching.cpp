#include "method/flow_matching.hpp"

#include <array>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "method/coupling.hpp"
#include "method/loss_weight.hpp"
#include "method/normal_quantile.hpp"

namespace fluxsbi::method {

namespace {

constexpr std::array flow_sdes{Sde::zero_ends, Sde::non_singular};

class FlowPath : public Path {
 public:
  double start() const override { return 0; }
  double end() const override { return 1; }
  double time(double part) const override { return part; }
  double initial_scale() const override { return 1; }

  Query query(const at::Tensor& t) const override { return {t, at::ones_like(t)}; }
  Linear velocity(const at::Tensor& t) const override { return {at::zeros_like(t), at::ones_like(t)}; }
  Linear denoised(const at::Tensor& t) const override { return {at::ones_like(t), 1 - t}; }
  Level level(const at::Tensor& t) const override { return {t, 1 - t}; }
  double time_of(double ratio) const override { return 1 / (1 + ratio); }

  std::span<const Sde> sdes() const override { return flow_sdes; }
  at::Tensor squared_diffusion(Sde sde, const at::Tensor& t) const override {
    return sde == Sde::zero_ends ? t * (1 - t) : 1 - t;
  }
};

class FlowMatchingSpec : public Spec {
 public:
  std::string_view name() const override { return "flow"; }
  void read(config::Reader& reader) override { reader.read(flow_matching_table(), options_); }
  void write(config::Writer& writer) const override { writer.add(flow_matching_table(), options_); }
  std::vector<std::string> level_keys() const override;
  std::string reference() const override { return config::reference(flow_matching_table()); }
  std::unique_ptr<Method> build() const override { return std::make_unique<FlowMatching>(options_); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<FlowMatchingSpec>(*this); }

 private:
  FlowMatchingOptions options_;
};

std::vector<std::string> FlowMatchingSpec::level_keys() const {
  const FlowMatchingOptions usual;
  std::vector<std::string> keys;
  if (options_.time_distribution != usual.time_distribution) keys.emplace_back("time_distribution");
  if (options_.time_alpha != usual.time_alpha) keys.emplace_back("time_alpha");
  if (options_.time_mean != usual.time_mean) keys.emplace_back("time_mean");
  if (options_.time_std != usual.time_std) keys.emplace_back("time_std");
  return keys;
}

}  // namespace

bool couples_rows(const Method& method) {
  const auto* flow = dynamic_cast<const FlowMatching*>(&method);
  return flow != nullptr && flow->coupling() != Coupling::independent;
}

std::span<const std::string_view> enum_names(TimeDistribution) {
  static constexpr std::array<std::string_view, 3> names{"uniform", "power_law", "logit_normal"};
  return names;
}

std::span<const std::string_view> enum_names(Coupling) {
  static constexpr std::array<std::string_view, 2> names{"independent", "optimal_transport"};
  return names;
}

const config::Table<FlowMatchingOptions>& flow_matching_table() {
  using Options = FlowMatchingOptions;
  static const auto table =
      config::Table<Options>("strategy",
                             "With method: flow. The times at which the model trains (t = 0 is noise, t = 1 "
                             "is data), and how noise is paired with data.")
          .variant("flow matching")
          .add("time_distribution", &Options::time_distribution, config::one_of<TimeDistribution>(),
               "the distribution of t in training")
          .add("time_alpha", &Options::time_alpha, config::number_above(-1),
               "power_law: the density is proportional to t^alpha; 0 is uniform, values above 0 favour times "
               "near the data")
          .add("time_mean", &Options::time_mean, config::finite_number(), "logit_normal: the mean of logit t")
          .add("time_std", &Options::time_std, config::number_above(0),
               "logit_normal: the standard deviation of logit t")
          .add("coupling", &Options::coupling, config::one_of<Coupling>(),
               "how noise is paired with the rows of a batch: independent draws it for each row; "
               "optimal_transport assigns it so that the paths are short (docs/coupling.md)")
          .add("coupling_condition_weight", &Options::coupling_condition_weight, config::number_at_least(0),
               "optimal_transport: the weight of the squared distance between conditions, relative to that "
               "between noise and data; a large weight keeps the noise independent of the condition")
          .unused("training.sigma_min", "flow matching has no noise levels; diffusion does")
          .unused("training.sigma_max", "flow matching has no noise levels; diffusion does");
  return table;
}

at::Tensor power_law_time(const at::Tensor& uniform, double alpha) {
  return alpha == 0 ? uniform : at::pow(uniform, 1 / (1 + alpha));
}

at::Tensor logit_normal_time(const at::Tensor& normal, double mean, double std) {
  return at::sigmoid(normal * std + mean);
}

at::Tensor FlowMatching::times(const at::Tensor& uniform) const {
  switch (options_.time_distribution) {
    case TimeDistribution::uniform:
      return uniform;
    case TimeDistribution::power_law:
      return power_law_time(uniform, options_.time_alpha);
    case TimeDistribution::logit_normal:
      return logit_normal_time(normal_quantile(uniform), options_.time_mean, options_.time_std);
  }
  return {};
}

engine::Regression FlowMatching::regression(const Batch& batch, const Noise& noise) const {
  core::require(batch.obs.dim() == 3 && noise.normal.sizes() == batch.obs.sizes(),
                "flow matching: noise and obs must both be [B, L, C]");
  engine::Regression problem;
  // s = (1 - t) / t
  const at::Tensor t = noise.level.defined() ? at::sigmoid(-noise.level) : times(noise.uniform);  // [B]
  const at::Tensor normal = options_.coupling == Coupling::independent
                                ? noise.normal
                                : couple(noise.normal, batch, options_.coupling_condition_weight);
  at::Tensor path = at::lerp(normal, batch.obs, t.view({-1, 1, 1}));  // [B, L, C]
  if (batch.condition_mask.defined()) path = at::where(batch.condition_mask, batch.obs, path);
  problem.inputs.t = t;
  problem.inputs.obs = path;
  problem.inputs.cond = batch.cond;
  problem.inputs.condition_mask = batch.condition_mask;
  problem.inputs.edge_mask = batch.edge_mask;
  problem.target = batch.obs - normal;
  problem.weight = loss_weight(batch.obs, batch.condition_mask);
  return problem;
}

// D - x1 = (1 - t) (v - u), so that (D - x1) / s = t (v - u)
at::Tensor FlowMatching::information_weight(const at::Tensor& level, int64_t /*elements*/) const {
  return at::sigmoid(-level).square();
}

std::string FlowMatching::problem(const Setting& setting) const {
  return options_.coupling == Coupling::independent ? "" : coupling_problem(setting);
}

std::unique_ptr<Path> FlowMatching::path() const {
  return std::make_unique<FlowPath>();
}

std::unique_ptr<Spec> make_flow_matching_spec() {
  return std::make_unique<FlowMatchingSpec>();
}

}  // namespace fluxsbi::method
