#include "sample/solver/multistep.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>

#include "method/jumps.hpp"

namespace fluxsbi::sample {

at::Tensor AdamsBashforth::take(const Step& step, const at::Tensor& x) {
  const double h = step.to - step.from;
  const at::Tensor velocity = equation_.slope_at(step.from, x);
  at::Tensor next = x + h * velocity;
  if (before_.defined()) next.add_(velocity - before_, h * h / length_ / 2);
  before_ = velocity;
  length_ = h;
  return next;
}

at::Tensor DpmSolver::take(const Step& step, const at::Tensor& x) {
  const auto [signal, noise] = equation_.level(step.from);
  const auto [next_signal, next_noise] = equation_.level(step.to);
  const double shrink = signal * next_noise / (next_signal * noise);  // exp(-h)
  const double h = -std::log(shrink);
  const at::Tensor clean = equation_.denoised(step.from, x);
  at::Tensor best = clean;
  if (length_ > 0 && std::isfinite(h)) best = clean + h / (2 * length_) * (clean - before_);
  before_ = clean;
  length_ = std::isfinite(h) ? h : 0;
  return next_noise / noise * x + next_signal * (1 - shrink) * best;
}

at::Tensor DpmSolver::to_data(const PathEquation& equation, const at::Tensor& x) {
  return equation.denoised(equation.end(), x);
}

at::Tensor Ddim::take(const Step& step, const at::Tensor& x) {
  const method::Jump jump = method::jump_between(equation_.path(), step.from, step.to);
  return jump.state * x + jump.data * equation_.denoised(step.from, x);
}

}  // namespace fluxsbi::sample
