// Solvers of one evaluation a step: those that use the network's earlier answers, and one that forgets them.
// Equation and options must outlive them.
#pragma once

#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

/// The second-order method of Adams and Bashforth with steps h of any length; the first step is Euler's:
///   x' = x + h ((1 + r / 2) v - r / 2 v_before), r = h / h_before.
class AdamsBashforth final : public Stepper {
 public:
  AdamsBashforth(const PathEquation& equation, const SolverRow&, const SolverOptions&)
      : equation_(equation) {}
  at::Tensor take(const Step& step, const at::Tensor& x) override;

 private:
  const PathEquation& equation_;
  at::Tensor before_;  // the velocity of the last step
  double length_ = 0;  // of the last step
};

/// DPM-Solver++(2M): with lambda = ln(signal / noise), h = lambda' - lambda and the denoiser D,
///   x' = noise' / noise x + signal' (1 - exp(-h)) (D + h / (2 h_before) (D - D_before)),
/// first order where h or h_before is infinite (pure noise, no noise). The step to the data is D.
class DpmSolver final : public Stepper {
 public:
  DpmSolver(const PathEquation& equation, const SolverRow&, const SolverOptions&) : equation_(equation) {}
  at::Tensor take(const Step& step, const at::Tensor& x) override;
  at::Tensor to_data(const PathEquation& equation, const at::Tensor& x) override;

 private:
  const PathEquation& equation_;
  at::Tensor before_;
  double length_ = 0;  // h of the last step; 0: none or infinite
};

/// The step that forgets (method/jumps.hpp): x' = state x + data D(x). Where the path's end() is not the time
/// of the data, the last step of sample_path goes to the data from where it stands, past end().
class Ddim final : public Stepper {
 public:
  Ddim(const PathEquation& equation, const SolverRow&, const SolverOptions&) : equation_(equation) {}
  at::Tensor take(const Step& step, const at::Tensor& x) override;

 private:
  const PathEquation& equation_;
};

}  // namespace fluxsbi::sample
