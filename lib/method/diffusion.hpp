// Diffusion as a denoiser at every noise level (Karras, Aittala, Aila, Laine 2022, arXiv 2206.00364).
//
// With data x1, noise n ~ N(0, I) and a noise level sigma drawn for each row,
//   x = x1 + sigma n,   D(x; sigma) = c_skip x + c_out F(c_in x; c_noise),
//   loss = mean over rows of (elements / unconditioned elements of the row) times
//          the sum over that row's unconditioned elements of lambda(sigma) (D - x1)^2,
// which for the network F is a regression of (x1 - c_skip x) / c_out with weight lambda c_out^2 (1 in all
// three preconditionings). F's time argument is c_noise. Conditioned tokens enter without noise, are not
// scaled by c_in, and carry no loss. The factor keeps the weight of a row the same, however much of it is
// given.
//
// Samples follow the probability-flow equation in the preconditioning's own time (preconditioning.hpp). With
// x = scale (data + sigma n),
//   dx/dt = (ln sigma + ln scale)' x - (ln sigma)' scale D(x / scale; sigma);
// edm's time is sigma itself, from sigma_max down, where it reads dx/dt = (x - D(x; t)) / t. It is singular
// at 0, so it is integrated to the lowest level, sigma_min, and one Euler step leads to 0. The stochastic
// equation "reverse" has g^2 = scale^2 d sigma^2/dt.
#pragma once

#include <memory>
#include <string>

#include "method/method.hpp"
#include "method/preconditioning.hpp"

namespace fluxsbi::method {

const config::Table<DiffusionOptions>& diffusion_table();

class Diffusion : public Method {
 public:
  /// Fills sigma_min and sigma_max with the preconditioning's where they are absent.
  explicit Diffusion(DiffusionOptions options);

  std::string_view name() const override { return "diffusion"; }
  engine::Regression regression(const Batch& batch, const Noise& noise) const override;
  LevelRange training_levels() const override;
  at::Tensor information_weight(const at::Tensor& level, int64_t elements) const override;
  std::unique_ptr<Path> path() const override;
  // 30 evaluations score as well as 100 of any solver (docs/solvers.md).
  std::string default_solver() const override { return std::string(preconditioning_->sampling_solver); }
  int64_t default_steps() const override { return 30; }
  double default_spacing() const override { return preconditioning_->sampling_spacing; }

  /// The regression at given noise levels: normal [B, L, C], sigma [B].
  engine::Regression regression_at(const Batch& batch, const at::Tensor& normal,
                                   const at::Tensor& sigma) const;
  /// Noise levels of training [B] for uniform numbers [B] in (0, 1).
  at::Tensor training_sigma(const at::Tensor& uniform) const;

  const DiffusionOptions& options() const { return options_; }
  const Preconditioning& preconditioning() const { return *preconditioning_; }

 private:
  DiffusionOptions options_;
  const Preconditioning* preconditioning_;
};

std::unique_ptr<Spec> make_diffusion_spec();

}  // namespace fluxsbi::method
