#include "sample/solver/stochastic.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/scalar_tensor.h>

#include "core/error.hpp"
#include "sample/solver/runge_kutta.hpp"

namespace fluxsbi::sample {

EulerMaruyama::EulerMaruyama(const PathEquation& equation, const SolverRow& row, const SolverOptions& options)
    : equation_(equation), options_(options), sde_(row.sde.value_or(equation.path().sdes().front())) {
  core::require(static_cast<bool>(options.normal), "a stochastic solver needs noise");
}

at::Tensor EulerMaruyama::take(const Step& step, const at::Tensor& x) {
  const double h = step.to - step.from;
  if (step.last) return x + equation_.along(step.from, x, h, 0);
  const double amount = options_.noise.amount * options_.noise.amount;
  const double g_squared =
      amount *
      equation_.path().squared_diffusion(sde_, at::scalar_tensor(step.from, at::kDouble)).item<double>();
  const double noise = equation_.level(step.from).second;
  const at::Tensor change = equation_.along(step.from, x, h, std::abs(h) * g_squared / (2 * noise * noise));
  return x + change + std::sqrt(std::abs(h) * g_squared) * normal();
}

at::Tensor PredictorCorrector::take(const Step& step, const at::Tensor& x) {
  const at::Tensor predicted = EulerMaruyama::take(step, x);
  if (step.last) return predicted;
  const double r = options_.noise.corrector, noise = equation_.level(step.to).second;
  return predicted + equation_.along(step.to, predicted, 0, 2 * r * r) + 2 * r * noise * normal();
}

EdmHeun::EdmHeun(const PathEquation& equation, const SolverRow& row, const SolverOptions& options)
    : equation_(equation), options_(options) {
  core::require(static_cast<bool>(options.normal), "a stochastic solver needs noise");
  const auto steps = static_cast<double>(options.steps > 0 ? options.steps : row.default_steps);
  gamma_ = std::min(options.noise.churn / steps, std::numbers::sqrt2 - 1);
}

EdmHeun::Lifted EdmHeun::lift(double time, const at::Tensor& x) const {
  const at::Tensor z = equation_.free(options_.normal());  // drawn at every step: its number names it
  const auto [signal, noise] = equation_.level(time);
  const double level = noise / signal;
  if (gamma_ == 0 || level < options_.noise.least || level > options_.noise.most) return {time, x};
  const double lifted = level * (1 + gamma_), to = equation_.path().time_of(lifted);
  const double to_signal = equation_.level(to).first;
  const double added = std::sqrt(lifted * lifted - level * level) * to_signal * options_.noise.deviation;
  return {to, to_signal / signal * x + added * z};
}

at::Tensor EdmHeun::take(const Step& step, const at::Tensor& x) {
  const Lifted from = lift(step.from, x);
  return RungeKutta(heun_tableau, equation_).take({from.time, step.to, step.last}, from.x);
}

at::Tensor EdmHeun::to_data(const PathEquation& equation, const at::Tensor& x) {
  const Lifted from = lift(equation.end(), x);
  return from.x + (equation.path().data() - from.time) * equation.slope_at(from.time, from.x);
}

}  // namespace fluxsbi::sample
