// Denoising score matching along a stochastic equation (Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole
// 2021, arXiv 2011.13456).
//
// Time: t = 0 is data, t = 1 is noise. x_t = mean(t) x1 + std(t) n with data x1, noise n ~ N(0, I), where
//   vp  beta(t) = beta_min + t (beta_max - beta_min), alpha(t) = its integral from 0,
//       mean = exp(-alpha / 2), std = sqrt(1 - exp(-alpha)), f = -beta x / 2, g^2 = beta;
//   ve  mean = 1, std = sigma_min (sigma_max / sigma_min)^t, f = 0, g^2 = d std^2 / dt.
// With c = 1 / sqrt(mean^2 + std^2), one over the deviation of x_t for standardised data (1 in vp), the
// network F gives the score s by its `output`:
//   denoised  s = (c mean F(c x; t) - c^2 std x) / std. The target of F is c (std x1 - mean n), of deviation
//             1, and the denoised data are c^2 mean x + c std F, as in diffusion.hpp (edm): an error of F
//             is one of the data as large, however much noise there is.
//   noise     s = F(c x; t) / std. An error of F is std / mean times as large in the data, and single draws
//             lay 10 to 250 deviations away from exact posteriors (docs/solvers.md).
//   score     s = F(x; t), as GenSBI's networks are.
//   loss = mean over rows of (elements / unconditioned elements of the row) times
//          the sum over that row's unconditioned elements of w(t) (s + n / std)^2.
// w = std^2 gives every noise level the same weight. w = std^2 (1 + (std / mean)^2) weights the error of
// the denoised data as diffusion.hpp does, because the same error of F leaves a larger error of the data
// where there is more noise. For the outputs noise and score the ratio is capped at 15, so that rare rows
// of vp do not outweigh all others. w = g^2, as published, is the first weight times a constant in ve, but
// in vp it grows without bound towards the data and outweighs all other times. Conditioned tokens enter
// without noise and carry no loss. Samples follow
//   dx/dt = f - g^2 s / 2, or "reverse": dx = (f - g^2 s) dt + g dW, from t = 1 down to time_min.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "method/method.hpp"

namespace fluxsbi::method {

/// vp_published: vp with betas 0.001 and 3, whose end is not the prior, times uniform, weighting likelihood.
enum class ScoreSde { vp, ve, vp_published };
std::span<const std::string_view> enum_names(ScoreSde);

/// log_noise: training times and a solver's steps are even in ln(std / mean); uniform: in t (the same in ve).
/// log_normal: in training ln(std / mean) is normal, cut at the ends of the path; steps as log_noise.
enum class ScoreTimes { log_noise, log_normal, uniform };
std::span<const std::string_view> enum_names(ScoreTimes);

/// What the network's output is (above).
enum class ScoreOutput { denoised, noise, score };
std::span<const std::string_view> enum_names(ScoreOutput);

/// noise: std^2; denoised: std^2 (1 + (std / mean)^2); likelihood: g^2, as published.
enum class ScoreWeighting { noise, denoised, likelihood };
std::span<const std::string_view> enum_names(ScoreWeighting);

/// The keys of score matching in the section `strategy`.
struct ScoreMatchingOptions {
  ScoreSde sde = ScoreSde::ve;
  double beta_min = 0.1, beta_max = 20;     ///< vp, 0 < beta_min <= beta_max
  double sigma_min = 1e-3, sigma_max = 80;  ///< ve, 0 < sigma_min < sigma_max
  std::optional<double> time_min;           ///< in [0, 1); none: 1e-5 (vp), 0 (ve), 1e-3 (vp_published)
  ScoreTimes times = ScoreTimes::log_normal;
  double sigma_mean = -1.2, sigma_std = 1.2;  ///< log_normal, sigma_std > 0; defaults of diffusion.hpp
  ScoreWeighting weighting = ScoreWeighting::denoised;
  ScoreOutput output = ScoreOutput::denoised;
  std::optional<bool>
      scaled;  ///< the older name of `output`, before which it goes: noise (true), score (false)
};
const config::Table<ScoreMatchingOptions>& score_matching_table();

class ScoreMatching : public Method {
 public:
  /// Fills the keys that `sde` decides.
  explicit ScoreMatching(ScoreMatchingOptions options);

  std::string_view name() const override { return "score_matching"; }
  engine::Regression regression(const Batch& batch, const Noise& noise) const override;
  LevelRange training_levels() const override;
  at::Tensor information_weight(const at::Tensor& level, int64_t elements) const override;
  std::unique_ptr<Path> path() const override;
  // 30 evaluations score as well as 100 of Heun (docs/solvers.md).
  std::string default_solver() const override { return "dpmpp_2m"; }
  int64_t default_steps() const override { return 30; }

  /// The regression at given times: normal [B, L, C], t [B].
  engine::Regression regression_at(const Batch& batch, const at::Tensor& normal, const at::Tensor& t) const;
  const ScoreMatchingOptions& options() const { return options_; }

 private:
  ScoreMatchingOptions options_;
};

std::unique_ptr<Spec> make_score_matching_spec();

}  // namespace fluxsbi::method
