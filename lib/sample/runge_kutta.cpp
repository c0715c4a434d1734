#include "sample/runge_kutta.hpp"

#include <limits>
#include <vector>

#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>

#include "core/error.hpp"

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

at::Tensor mark_failed(at::Tensor& x) {
  const at::Tensor failed = at::isfinite(x).flatten(1).all(1).logical_not();  // [n]
  x = x.masked_fill(failed.view({-1, 1, 1}), std::numeric_limits<double>::quiet_NaN());
  return failed;
}

Integration integrate_fixed(const Tableau& tableau, const method::Field& field, const at::Tensor& x,
                            int64_t steps) {
  core::require(steps >= 1 && x.dim() == 3, "a fixed-step solver needs a step and x [n, L, C]");
  const std::vector<double> times = field.grid(steps);
  at::Tensor state = x;
  for (size_t step = 0; step + 1 < times.size(); ++step) {
    const double h = times[step + 1] - times[step];
    std::vector<at::Tensor> k;
    for (int i = 0; i < tableau.stages(); ++i) {
      const double time = times[step] + tableau.c[static_cast<size_t>(i)] * h;
      // [n], one number seen n times: a network may then compute what depends on the time alone once.
      const at::Tensor t = at::full({1}, time, x.options()).expand({x.size(0)});
      k.push_back(field.drift(t, i == 0 ? state : combine(state, k, tableau.row(i), h), {}));
    }
    state = combine(state, k, tableau.b, h);
  }
  Integration result;
  result.x = state;
  result.failed = mark_failed(result.x);
  result.evaluations = static_cast<int64_t>(times.size() - 1) * tableau.stages();
  return result;
}

}  // namespace fluxsbi::sample
