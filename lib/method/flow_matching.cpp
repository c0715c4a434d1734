#include "method/flow_matching.hpp"

#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>

#include "core/error.hpp"
#include "method/loss_weight.hpp"
#include "method/normal_quantile.hpp"

namespace fluxsbi::method {

namespace {

class FlowField : public Field {
 public:
  explicit FlowField(Evaluate network) : network_(std::move(network)) {}

  double start() const override { return 0; }
  double end() const override { return 1; }
  at::Tensor initial(const at::Tensor& noise) const override { return noise; }
  at::Tensor drift(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const override {
    return network_(t, x, rows);
  }
  std::vector<double> grid(int64_t steps) const override {
    std::vector<double> times;
    for (int64_t i = 0; i <= steps; ++i) times.push_back(static_cast<double>(i) / static_cast<double>(steps));
    return times;
  }

 private:
  Evaluate network_;
};

class FlowMatchingSpec : public Spec {
 public:
  std::string_view name() const override { return "flow"; }
  void read(config::Reader& reader) override { reader.read(flow_matching_table(), options_); }
  void write(config::Writer& writer) const override { writer.add(flow_matching_table(), options_); }
  std::string reference() const override { return config::reference(flow_matching_table()); }
  std::unique_ptr<Method> build() const override { return std::make_unique<FlowMatching>(options_); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<FlowMatchingSpec>(*this); }

 private:
  FlowMatchingOptions options_;
};

}  // namespace

const config::Table<FlowMatchingOptions>& flow_matching_table() {
  using Options = FlowMatchingOptions;
  static const auto table =
      config::Table<Options>("strategy", "Flow matching: the times of training (t = 0 noise, t = 1 data).")
          .add("time_distribution", &Options::time_distribution,
               config::one_of({"uniform", "power_law", "logit_normal"}), "distribution of t in training")
          .add("time_alpha", &Options::time_alpha, config::number_above(-1),
               "power_law: density proportional to t^alpha; 0 is uniform, above 0 favours the data end")
          .add("time_mean", &Options::time_mean, config::finite_number(), "logit_normal: mean of logit t")
          .add("time_std", &Options::time_std, config::number_above(0),
               "logit_normal: standard deviation of logit t")
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
  if (options_.time_distribution == "uniform") return uniform;
  if (options_.time_distribution == "power_law") return power_law_time(uniform, options_.time_alpha);
  return logit_normal_time(normal_quantile(uniform), options_.time_mean, options_.time_std);
}

engine::Regression FlowMatching::regression(const Batch& batch, const Noise& noise) const {
  core::require(batch.obs.dim() == 3 && noise.normal.sizes() == batch.obs.sizes(),
                "flow matching: noise and obs must both be [B, L, C]");
  engine::Regression problem;
  const at::Tensor t = times(noise.uniform);                                // [B]
  at::Tensor path = at::lerp(noise.normal, batch.obs, t.view({-1, 1, 1}));  // [B, L, C]
  if (batch.condition_mask.defined()) path = at::where(batch.condition_mask, batch.obs, path);
  problem.inputs.t = t;
  problem.inputs.obs = path;
  problem.inputs.cond = batch.cond;
  problem.inputs.condition_mask = batch.condition_mask;
  problem.inputs.edge_mask = batch.edge_mask;
  problem.target = batch.obs - noise.normal;
  problem.weight = loss_weight(batch.obs, batch.condition_mask);
  return problem;
}

std::unique_ptr<Field> FlowMatching::field(Evaluate network) const {
  return std::make_unique<FlowField>(std::move(network));
}

std::unique_ptr<Spec> make_flow_matching_spec() {
  return std::make_unique<FlowMatchingSpec>();
}

}  // namespace fluxsbi::method
