#include "method/score_matching.hpp"

#include <array>
#include <cmath>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/expm1.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/special_ndtr.h>
#include <ATen/ops/special_ndtri.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "method/loss_weight.hpp"

namespace fluxsbi::method {

namespace {

constexpr std::array score_sdes{Sde::reverse};
constexpr double published_beta_min = 1e-3, published_beta_max = 3;
// Where the output is not of order one in the denoised data, the weights of their error stop growing at this
// ratio of noise to signal: rare rows with weights of ten thousand keep vp from converging.
constexpr double heaviest_ratio = 15;

// The forward equation dx = f x dt + g dW and its marginals, at times t.
struct Forward {
  at::Tensor mean, std;
  at::Tensor f;  // of x
  at::Tensor g_squared;
};

Forward forward_vp(const ScoreMatchingOptions& options, const at::Tensor& t) {
  const double slope = options.beta_max - options.beta_min;
  const at::Tensor alpha = t * (options.beta_min + slope / 2 * t), beta = options.beta_min + slope * t;
  return {at::exp(-alpha / 2), at::sqrt(-at::expm1(-alpha)), -beta / 2, beta};
}

Forward forward_ve(const ScoreMatchingOptions& options, const at::Tensor& t) {
  const double span = std::log(options.sigma_max / options.sigma_min);
  const at::Tensor std = options.sigma_min * at::exp(t * span);
  return {at::ones_like(t), std, at::zeros_like(t), 2 * span * std.square()};
}

bool is_ve(const ScoreMatchingOptions& options) {
  return options.sde == ScoreSde::ve;
}

Forward forward_at(const ScoreMatchingOptions& options, const at::Tensor& t) {
  return is_ve(options) ? forward_ve(options, t) : forward_vp(options, t);
}

// The times at which std / mean is `ratio`.
at::Tensor time_of_ratio(const ScoreMatchingOptions& options, const at::Tensor& ratio) {
  if (is_ve(options)) {
    return at::log(ratio / options.sigma_min) / std::log(options.sigma_max / options.sigma_min);
  }
  // alpha = ln(1 + ratio^2) in the form of the quadratic formula that does not cancel near 0.
  const at::Tensor alpha = at::log1p(ratio.square());
  const double rate = options.beta_min, slope = options.beta_max - options.beta_min;
  return 2 * alpha / (at::sqrt(2 * slope * alpha + rate * rate) + rate);
}

// The times of training at which ln(std / mean) is `level`.
at::Tensor time_of_level(const ScoreMatchingOptions& options, const at::Tensor& level) {
  return time_of_ratio(options, at::exp(level)).clamp(*options.time_min, 1);
}

// ln(std / mean) at time_min and at 1, [2].
at::Tensor end_levels(const ScoreMatchingOptions& options) {
  const Forward ends = forward_at(options, at::tensor({*options.time_min, 1.0}, at::kDouble));
  return at::log(ends.std / ends.mean);
}

// Times from time_min (part 0) to 1 (part 1).
at::Tensor time_at(const ScoreMatchingOptions& options, const at::Tensor& part) {
  const double first = *options.time_min;
  if (options.times == ScoreTimes::uniform || is_ve(options)) return first + (1 - first) * part;
  const at::Tensor ends = end_levels(options);
  const double least = ends[0].item<double>(), most = ends[1].item<double>();
  return time_of_ratio(options, at::exp(least + (most - least) * part)).clamp(first, 1);
}

// Training times for uniform numbers.
at::Tensor training_time(const ScoreMatchingOptions& options, const at::Tensor& uniform) {
  if (options.times != ScoreTimes::log_normal) return time_at(options, uniform);
  // The quantile of the normal between the shares of it that lie below the two ends.
  const at::Tensor shares = at::special_ndtr((end_levels(options) - options.sigma_mean) / options.sigma_std);
  const double below = shares[0].item<double>(), range = shares[1].item<double>() - below;
  const at::Tensor level =
      options.sigma_mean + options.sigma_std * at::special_ndtri(below + range * uniform.to(at::kDouble));
  return time_of_level(options, level).to(uniform.scalar_type());
}

// c of the head comment.
at::Tensor inverse_deviation(const Forward& forward) {
  return at::rsqrt(forward.mean.square() + forward.std.square());
}

at::Tensor input_scale(const ScoreMatchingOptions& options, const Forward& forward) {
  if (options.output == ScoreOutput::score) return at::ones_like(forward.std);
  return inverse_deviation(forward);
}

// The score, of the state and of F.
Linear score_of(const ScoreMatchingOptions& options, const Forward& forward) {
  const at::Tensor none = at::zeros_like(forward.std);
  if (options.output == ScoreOutput::score) return {none, at::ones_like(forward.std)};
  if (options.output == ScoreOutput::noise) return {none, 1 / forward.std};
  const at::Tensor c = inverse_deviation(forward);
  return {-c.square(), c * forward.mean / forward.std};
}

// What F is for data x1 with noise n.
at::Tensor target_of(const ScoreMatchingOptions& options, const Forward& forward, const at::Tensor& x1,
                     const at::Tensor& n) {
  if (options.output == ScoreOutput::score) return -n / forward.std;
  if (options.output == ScoreOutput::noise) return -n;
  return inverse_deviation(forward) * (forward.std * x1 - forward.mean * n);
}

// w of the head comment.
at::Tensor loss_weight_of(const ScoreMatchingOptions& options, const Forward& forward) {
  if (options.weighting == ScoreWeighting::likelihood) return forward.g_squared;
  const at::Tensor variance = forward.std.square();
  if (options.weighting == ScoreWeighting::noise) return variance;
  at::Tensor ratio = forward.std / forward.mean;
  if (options.output != ScoreOutput::denoised) ratio = ratio.clamp_max(heaviest_ratio);
  return variance * (1 + ratio.square());
}

class ScorePath : public Path {
 public:
  explicit ScorePath(const ScoreMatchingOptions& options) : options_(options) {}

  double start() const override { return 1; }
  double end() const override { return *options_.time_min; }
  double time(double part) const override {
    return time_at(options_, at::scalar_tensor(1 - part, at::kDouble)).item<double>();
  }
  double initial_scale() const override { return is_ve(options_) ? options_.sigma_max : 1; }

  Query query(const at::Tensor& t) const override { return {t, input_scale(options_, at_time(t))}; }
  Linear velocity(const at::Tensor& t) const override {
    const Forward forward = at_time(t);
    const Linear score = score_of(options_, forward);
    return {forward.f - forward.g_squared / 2 * score.x, -forward.g_squared / 2 * score.network};
  }
  Linear denoised(const at::Tensor& t) const override {
    const Forward forward = at_time(t);
    if (options_.output == ScoreOutput::denoised) {  // without the difference of 1 and c^2 std^2
      const at::Tensor c = inverse_deviation(forward);
      return {c.square() * forward.mean, c * forward.std};
    }
    return {1 / forward.mean, forward.std.square() / forward.mean * score_of(options_, forward).network};
  }
  Level level(const at::Tensor& t) const override {
    const Forward forward = at_time(t);
    return {forward.mean, forward.std};
  }
  double time_of(double ratio) const override {
    return time_of_ratio(options_, at::scalar_tensor(ratio, at::kDouble)).item<double>();
  }

  std::span<const Sde> sdes() const override { return score_sdes; }
  at::Tensor squared_diffusion(Sde, const at::Tensor& t) const override { return at_time(t).g_squared; }

 private:
  Forward at_time(const at::Tensor& t) const { return forward_at(options_, t); }

  ScoreMatchingOptions options_;
};

void fill(ScoreMatchingOptions& options) {
  const bool published = options.sde == ScoreSde::vp_published;
  if (published) {
    options.beta_min = published_beta_min;
    options.beta_max = published_beta_max;
    options.times = ScoreTimes::uniform;
    options.weighting = ScoreWeighting::likelihood;
  }
  if (options.scaled) options.output = *options.scaled ? ScoreOutput::noise : ScoreOutput::score;
  options.scaled.reset();
  if (!options.time_min) options.time_min = published ? 1e-3 : is_ve(options) ? 0 : 1e-5;
}

class ScoreMatchingSpec : public Spec {
 public:
  std::string_view name() const override { return "score_matching"; }
  void read(config::Reader& reader) override;
  void write(config::Writer& writer) const override { writer.add(score_matching_table(), options_); }
  std::vector<std::string> level_keys() const override;
  std::string reference() const override { return config::reference(score_matching_table()); }
  std::unique_ptr<Method> build() const override { return std::make_unique<ScoreMatching>(options_); }
  std::unique_ptr<Spec> clone() const override { return std::make_unique<ScoreMatchingSpec>(*this); }

 private:
  ScoreMatchingOptions options_;
};

// `times` spreads a solver's steps, too.
std::vector<std::string> ScoreMatchingSpec::level_keys() const {
  const ScoreMatchingOptions usual;
  std::vector<std::string> keys;
  if (options_.sigma_mean != usual.sigma_mean) keys.emplace_back("sigma_mean");
  if (options_.sigma_std != usual.sigma_std) keys.emplace_back("sigma_std");
  return keys;
}

void ScoreMatchingSpec::read(config::Reader& reader) {
  reader.read(score_matching_table(), options_);
  reader.in_order("strategy.beta_min", options_.beta_min, "strategy.beta_max", options_.beta_max);
  reader.in_order("strategy.sigma_min", options_.sigma_min, "strategy.sigma_max", options_.sigma_max, true);
  const bool vp = options_.sde == ScoreSde::vp;
  if (vp && options_.time_min && *options_.time_min == 0) {
    reader.problem("strategy.time_min",
                   "must be above 0 for sde: vp, whose noise vanishes at time 0; leave it out for 1e-5");
  }
  const ScoreMatchingOptions given = options_;
  fill(options_);
  if (reader.given("strategy.output") && given.output != options_.output)
    reader.problem("strategy.scaled", "contradicts strategy.output, whose older name it is; leave it out");
  if (reader.given("strategy.times") && given.times != options_.times)
    reader.warning("strategy.times",
                   "has no effect: vp_published always takes uniform times; sde: vp lets you choose");
  if (reader.given("strategy.weighting") && given.weighting != options_.weighting)
    reader.warning("strategy.weighting",
                   "has no effect: vp_published always takes the likelihood weighting; "
                   "sde: vp lets you choose");
  const double left = std::exp(-(options_.beta_min + options_.beta_max) / 4);  // mean at t = 1
  if (!is_ve(options_) && left > 0.05) {
    reader.warning("strategy.sde", "at the end of this path " + config::emit(std::round(left * 100) / 100) +
                                       " of the data is left, but sampling starts from N(0, 1): samples are "
                                       "biased towards 0; sde: vp with beta_max of 10 to 20 is not");
  }
}

}  // namespace

std::span<const std::string_view> enum_names(ScoreSde) {
  static constexpr std::array<std::string_view, 3> names{"vp", "ve", "vp_published"};
  return names;
}

std::span<const std::string_view> enum_names(ScoreTimes) {
  static constexpr std::array<std::string_view, 3> names{"log_noise", "log_normal", "uniform"};
  return names;
}

std::span<const std::string_view> enum_names(ScoreWeighting) {
  static constexpr std::array<std::string_view, 3> names{"noise", "denoised", "likelihood"};
  return names;
}

std::span<const std::string_view> enum_names(ScoreOutput) {
  static constexpr std::array<std::string_view, 3> names{"denoised", "noise", "score"};
  return names;
}

const config::Table<ScoreMatchingOptions>& score_matching_table() {
  using Options = ScoreMatchingOptions;
  static const auto table =
      config::Table<Options>("strategy",
                             "With method: score_matching. The stochastic equation that turns data into "
                             "noise, and how its score is learned.")
          .variant("score matching")
          .add("sde", &Options::sde, config::one_of<ScoreSde>(),
               "vp: variance preserving; ve: variance exploding; vp_published: vp as it was published, with "
               "beta from 0.001 to 3, uniform times and likelihood weighting, whose samples are biased")
          .add("beta_min", &Options::beta_min, config::number_above(0),
               "vp: the rate at which noise is added at time 0")
          .add("beta_max", &Options::beta_max, config::number_above(0),
               "vp: the rate at which noise is added at time 1")
          .add("sigma_min", &Options::sigma_min, config::number_above(0), "ve: the noise level at time 0")
          .alias("training.sigma_min")
          .add("sigma_max", &Options::sigma_max, config::number_above(0), "ve: the noise level at time 1")
          .alias("training.sigma_max")
          .add("time_min", &Options::time_min, config::if_given(config::number_between(0, 0.5)),
               "the time next to the data at which training and sampling stop; null: 1e-5 (vp), 0 (ve), 1e-3 "
               "(vp_published)")
          .add("times", &Options::times, config::one_of<ScoreTimes>(),
               "how the times of training and of a solver's steps are spread. log_noise: evenly in the "
               "logarithm of the noise level. log_normal: the steps as log_noise, but in training that "
               "logarithm is normally distributed, which spends less on the ends. uniform: evenly in time, "
               "as published for vp, which harms sharp posteriors")
          .add("sigma_mean", &Options::sigma_mean, config::finite_number(),
               "log_normal: the mean of the logarithm of the noise level, which is noise over signal")
          .add("sigma_std", &Options::sigma_std, config::number_above(0),
               "log_normal: the standard deviation of that logarithm")
          .add("weighting", &Options::weighting, config::one_of<ScoreWeighting>(),
               "how the score's squared error is weighted at each time. noise: by the variance of the noise. "
               "denoised: as diffusion weights the error of the denoised data (with output: noise or score "
               "the ratio of noise to signal is capped at 15). likelihood: by g^2, as published; for ve this "
               "is `noise` times a constant, for vp it neglects the higher noise levels")
          .add("output", &Options::output, config::one_of<ScoreOutput>(),
               "what the network predicts. denoised: what a share of its input leaves of the data without "
               "noise, as diffusion's edm does; noise: the score times the noise level, whose errors far "
               "from the data leave single draws far outside the posterior; score: the score itself, as in "
               "GenSBI")
          .add("scaled", &Options::scaled, config::any<std::optional<bool>>(),
               "the older name of output, which models hold that were trained before it: true is noise, "
               "false is score");
  return table;
}

ScoreMatching::ScoreMatching(ScoreMatchingOptions options) : options_(std::move(options)) {
  fill(options_);
}

engine::Regression ScoreMatching::regression(const Batch& batch, const Noise& noise) const {
  return regression_at(
      batch, noise.normal,
      noise.level.defined() ? time_of_level(options_, noise.level) : training_time(options_, noise.uniform));
}

LevelRange ScoreMatching::training_levels() const {
  const at::Tensor ends = end_levels(options_);
  return LevelRange{}.within(ends[0].item<double>(), ends[1].item<double>());
}

// A row's loss is the sum of w (score - its target)^2, and (D - x1) / s = std (score - its target).
at::Tensor ScoreMatching::information_weight(const at::Tensor& level, int64_t elements) const {
  const Forward forward = forward_at(options_, time_of_level(options_, level));
  return forward.std.square() / (loss_weight_of(options_, forward) * static_cast<double>(elements));
}

engine::Regression ScoreMatching::regression_at(const Batch& batch, const at::Tensor& normal,
                                                const at::Tensor& time) const {
  core::require(batch.obs.dim() == 3 && normal.sizes() == batch.obs.sizes(),
                "score matching: noise and obs must both be [B, L, C]");
  const at::Tensor t = time.view({-1, 1, 1});  // [B, 1, 1]
  const Forward forward = forward_at(options_, t);
  const at::Tensor scale = score_of(options_, forward).network;
  engine::Regression problem;
  problem.inputs.t = time;
  problem.inputs.obs = input_scale(options_, forward) * (forward.mean * batch.obs + forward.std * normal);
  problem.inputs.cond = batch.cond;
  problem.inputs.condition_mask = batch.condition_mask;
  problem.inputs.edge_mask = batch.edge_mask;
  problem.target = target_of(options_, forward, batch.obs, normal);
  const at::Tensor weight = loss_weight_of(options_, forward);
  const auto elements = static_cast<double>(batch.obs.size(1) * batch.obs.size(2));  // of a row
  problem.weight =
      weight * scale.square() * (loss_weight(batch.obs, batch.condition_mask) * elements);  // [B, 1 or L, 1]
  if (batch.condition_mask.defined()) {
    problem.inputs.obs = at::where(batch.condition_mask, batch.obs, problem.inputs.obs);
  }
  return problem;
}

std::unique_ptr<Path> ScoreMatching::path() const {
  return std::make_unique<ScorePath>(options_);
}

std::unique_ptr<Spec> make_score_matching_spec() {
  return std::make_unique<ScoreMatchingSpec>();
}

}  // namespace fluxsbi::method
