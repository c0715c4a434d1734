#include "method/diffusion.hpp"

#include <array>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/log.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include "core/error.hpp"
#include "method/loss_weight.hpp"

namespace fluxsbi::method {

namespace {

void fill_ends(DiffusionOptions& options) {
  const Preconditioning& row = preconditioning_of(options.preconditioning);
  if (!options.sigma_min) options.sigma_min = row.sigma_min;
  if (!options.sigma_max) options.sigma_max = row.sigma_max;
}

config::Rule<double> inner_time() {
  return {"above 0 and below 1", [](double t) { return t > 0 && t < 1; }};
}

constexpr std::array diffusion_sdes{Sde::reverse};

class DiffusionPath : public Path {
 public:
  explicit DiffusionPath(const Diffusion& method)
      : options_(method.options()), preconditioning_(method.preconditioning()) {}

  double start() const override { return time(0); }
  double end() const override { return time(1); }
  double data() const override { return 0; }
  double time(double part) const override { return preconditioning_.time(options_, part); }
  double initial_scale() const override {
    return level(at::scalar_tensor(start(), at::kDouble)).noise.item<double>();
  }

  Query query(const at::Tensor& t) const override {
    const NoiseLevel place = at_time(t);
    const Coefficients c = preconditioning_.coefficients(options_, place.sigma);
    return {c.noise, c.in / place.scale};
  }
  Linear velocity(const at::Tensor& t) const override {
    const NoiseLevel place = at_time(t);
    const Coefficients c = preconditioning_.coefficients(options_, place.sigma);
    return {place.sigma_rate * c.rest + place.scale_rate, -(place.sigma_rate * place.scale) * c.out};
  }
  Linear denoised(const at::Tensor& t) const override {
    const NoiseLevel place = at_time(t);
    const Coefficients c = preconditioning_.coefficients(options_, place.sigma);
    return {c.skip / place.scale, c.out};
  }
  Level level(const at::Tensor& t) const override {
    const NoiseLevel place = at_time(t);
    return {place.scale, place.scale * place.sigma};
  }
  double time_of(double ratio) const override { return preconditioning_.time_of(options_, ratio); }

  std::span<const Sde> sdes() const override { return diffusion_sdes; }
  at::Tensor squared_diffusion(Sde, const at::Tensor& t) const override {
    const NoiseLevel place = at_time(t);
    return 2 * (place.scale * place.sigma).square() * place.sigma_rate;
  }

 private:
  NoiseLevel at_time(const at::Tensor& t) const { return preconditioning_.level(options_, t); }

  DiffusionOptions options_;
  const Preconditioning& preconditioning_;  // a row of the table
};

class DiffusionSpec : public Spec {
 public:
  std::string_view name() const override { return "diffusion"; }
  void read(config::Reader& reader) override;
  void write(config::Writer& writer) const override { writer.add(diffusion_table(), options_); }
  std::vector<std::string> level_keys() const override;
  std::string reference() const override { return config::reference(diffusion_table()); }
  std::unique_ptr<Method> build() const override { return std::make_unique<Diffusion>(options_); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<DiffusionSpec>(*this); }

 private:
  DiffusionOptions options_;
};

void DiffusionSpec::read(config::Reader& reader) {
  reader.read(diffusion_table(), options_);
  fill_ends(options_);
  reader.in_order("strategy.sigma_min", options_.sigma_min, "strategy.sigma_max", options_.sigma_max, true);
  reader.in_order("strategy.beta_min", options_.beta_min, "strategy.beta_max", options_.beta_max);
  if (options_.preconditioning != PreconditioningKind::edm) {
    reader.warning("strategy.preconditioning",
                   "vp and ve are as published: an error of the network counts as many times as there is "
                   "more noise than data, and single draws can lie far outside the posterior "
                   "(docs/solvers.md); take edm, unless you compare with other programs");
  }
}

std::vector<std::string> DiffusionSpec::level_keys() const {
  const DiffusionOptions usual;
  std::vector<std::string> keys;
  if (options_.sigma_mean != usual.sigma_mean) keys.emplace_back("sigma_mean");
  if (options_.sigma_std != usual.sigma_std) keys.emplace_back("sigma_std");
  return keys;
}

}  // namespace

const config::Table<DiffusionOptions>& diffusion_table() {
  using Options = DiffusionOptions;
  static const auto table =
      config::Table<Options>(
          "strategy",
          "With method: diffusion (EDM). The noise levels sigma, and how the network is scaled "
          "at each level.")
          .variant("diffusion")
          .add("preconditioning", &Options::preconditioning, config::one_of<PreconditioningKind>(),
               "edm: as Karras et al. (2022) propose; vp, ve: variance-preserving and variance-exploding "
               "diffusion in the same form")
          .add("sigma_mean", &Options::sigma_mean, config::finite_number(),
               "edm, training: the mean of ln sigma; sharp posteriors may need more training at low noise: "
               "-2 with sigma_std 1.8 did better on two_moons")
          .alias("P_mean")
          .add("sigma_std", &Options::sigma_std, config::number_above(0),
               "edm, training: the standard deviation of ln sigma")
          .alias("P_std")
          .add("sigma_min", &Options::sigma_min, config::if_given(config::number_above(0)),
               "the lowest noise level in sampling, for ve also in training; null: 0.002 (edm), 0.02 (ve)")
          .alias("training.sigma_min")
          .add("sigma_max", &Options::sigma_max, config::if_given(config::number_above(0)),
               "the highest noise level in sampling, for ve also in training; null: 80 (edm), 100 (ve)")
          .alias("training.sigma_max")
          .add("sigma_data", &Options::sigma_data, config::number_above(0),
               "edm: the standard deviation of the standardised data")
          .add("rho", &Options::rho, config::number_above(0),
               "edm, sampling: larger values shorten the steps near the data more")
          .add("beta_min", &Options::beta_min, config::number_above(0),
               "vp: the rate at which noise is added at time 0")
          .add("beta_max", &Options::beta_max, config::number_above(0),
               "vp: the rate at which noise is added at time 1")
          .add("e_s", &Options::e_s, inner_time(),
               "vp, sampling: the time at which it ends, near the data at time 0")
          .alias("epsilon_s")
          .add("e_t", &Options::e_t, inner_time(), "vp, training: the least time")
          .alias("epsilon_t")
          .add("M", &Options::M, config::integer_at_least(2),
               "vp: the number of noise levels: the network is told the time as (M - 1) t");
  return table;
}

Diffusion::Diffusion(DiffusionOptions options)
    : options_(std::move(options)), preconditioning_(&preconditioning_of(options_.preconditioning)) {
  fill_ends(options_);
}

at::Tensor Diffusion::training_sigma(const at::Tensor& uniform) const {
  return preconditioning_->training_sigma(options_, uniform);
}

engine::Regression Diffusion::regression(const Batch& batch, const Noise& noise) const {
  // The data enter with factor 1: s is sigma.
  return regression_at(batch, noise.normal,
                       noise.level.defined() ? at::exp(noise.level) : training_sigma(noise.uniform));
}

LevelRange Diffusion::training_levels() const {
  const at::Tensor ends = at::log(training_sigma(at::tensor({0.0, 1.0}, at::kDouble)));
  return LevelRange{}.within(ends[0].item<double>(), ends[1].item<double>());
}

// A row's loss is the sum of lambda (D - x1)^2.
at::Tensor Diffusion::information_weight(const at::Tensor& level, int64_t elements) const {
  const at::Tensor sigma = at::exp(level);
  return 1 / (static_cast<double>(elements) * preconditioning_->coefficients(options_, sigma).weight *
              sigma.square());
}

engine::Regression Diffusion::regression_at(const Batch& batch, const at::Tensor& normal,
                                            const at::Tensor& level) const {
  core::require(batch.obs.dim() == 3 && normal.sizes() == batch.obs.sizes(),
                "diffusion: noise and obs must both be [B, L, C]");
  const at::Tensor sigma = level.view({-1, 1, 1});  // [B, 1, 1]
  const Coefficients c = preconditioning_->coefficients(options_, sigma);
  engine::Regression problem;
  problem.inputs.t = c.noise.view(-1);                       // [B]
  problem.inputs.obs = c.in * (batch.obs + sigma * normal);  // [B, L, C]
  problem.inputs.cond = batch.cond;
  problem.inputs.condition_mask = batch.condition_mask;
  problem.inputs.edge_mask = batch.edge_mask;
  // (x1 - c_skip x) / c_out; x1 - c_skip x itself would cancel where there is little noise.
  problem.target = (c.rest * batch.obs - c.skip * sigma * normal) / c.out;
  const auto elements = static_cast<double>(batch.obs.size(1) * batch.obs.size(2));  // of a row
  problem.weight = c.weight * c.out.square() *
                   (loss_weight(batch.obs, batch.condition_mask) * elements);  // [B, 1 or L, 1]
  if (batch.condition_mask.defined()) {
    problem.inputs.obs = at::where(batch.condition_mask, batch.obs, problem.inputs.obs);
  }
  return problem;
}

std::unique_ptr<Path> Diffusion::path() const {
  return std::make_unique<DiffusionPath>(*this);
}

std::unique_ptr<Spec> make_diffusion_spec() {
  return std::make_unique<DiffusionSpec>();
}

}  // namespace fluxsbi::method
