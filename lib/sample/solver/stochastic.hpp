// Solvers of stochastic equations. Equation and options must outlive them. The step that ends at the path's
// end is the deterministic Euler step, so that no fresh noise remains in the result.
#pragma once

#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// Euler and Maruyama: x' = x + h velocity + |h| g^2 / 2 score + g sqrt(|h|) z, z ~ N(0, I), with g times
/// NoiseOptions::amount.
class EulerMaruyama : public Stepper {
 public:
  EulerMaruyama(const PathEquation& equation, const SolverRow& row, const SolverOptions& options);
  at::Tensor take(const Step& step, const at::Tensor& x) override;

 protected:
  /// Fresh noise for the tokens that move.
  at::Tensor normal() const { return equation_.free(options_.normal()); }

  const PathEquation& equation_;
  const SolverOptions options_;

 private:
  method::Sde sde_;
};

/// Song et al. 2021, algorithms 2 and 3: each step of Euler and Maruyama is followed by one of Langevin
/// dynamics at the new time, x' = x + e score + sqrt(2 e) z with e = 2 (r noise(t))^2. Their e, from the
/// norms of z and score over a batch, has this size and makes rows depend on each other.
class PredictorCorrector final : public EulerMaruyama {
 public:
  using EulerMaruyama::EulerMaruyama;
  at::Tensor take(const Step& step, const at::Tensor& x) override;
};

/// Karras et al. 2022, algorithm 2 (for any path: its appendix's algorithm 1 with the churn of algorithm 2):
/// noise is added that lifts x to the time where noise / signal is higher by a share gamma; from there Heun's
/// step leads to the next time. With gamma = 0 nothing is added.
class EdmHeun final : public Stepper {
 public:
  EdmHeun(const PathEquation& equation, const SolverRow& row, const SolverOptions& options);
  at::Tensor take(const Step& step, const at::Tensor& x) override;
  at::Tensor to_data(const PathEquation& equation, const at::Tensor& x) override;

 private:
  struct Lifted {
    double time;
    at::Tensor x;
  };
  Lifted lift(double time, const at::Tensor& x) const;

  const PathEquation& equation_;
  const SolverOptions options_;
  double gamma_;
};

}  // namespace fluxsbi::sample
