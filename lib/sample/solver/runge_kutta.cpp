#include "sample/solver/runge_kutta.hpp"

#include <vector>

namespace fluxsbi::sample {

namespace {

// x + h sum_j weights_j k_j, leaving out zero weights.
at::Tensor combine(const at::Tensor& x, const std::vector<at::Tensor>& k, std::span<const double> weights,
                   double h) {
  at::Tensor sum = x.clone();
  for (size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] != 0) sum.add_(k[j], h * weights[j]);
  }
  return sum;
}

}  // namespace

at::Tensor RungeKutta::take(const Step& step, const at::Tensor& x) {
  const double h = step.to - step.from;
  std::vector<at::Tensor> k;
  for (int i = 0; i < tableau_.stages(); ++i) {
    const double time = step.from + tableau_.c[static_cast<size_t>(i)] * h;
    k.push_back(equation_.slope_at(time, i == 0 ? x : combine(x, k, tableau_.row(i), h)));
  }
  return combine(x, k, tableau_.b, h);
}

}  // namespace fluxsbi::sample
