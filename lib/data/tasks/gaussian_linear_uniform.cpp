#include "data/tasks/gaussian_linear_uniform.hpp"

#include <algorithm>

#include "data/prior/truncated_normal.hpp"

namespace fluxsbi::data {

namespace {

constexpr double bound = 1;

}  // namespace

GaussianLinearUniform::GaussianLinearUniform()
    : GaussianLinear(make_prior({PriorKind::box, {-bound}, {bound}, {}, {}}, 10)) {}

void GaussianLinearUniform::sample_posterior(std::span<const double> x, core::Philox& random,
                                             std::span<double> theta) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    const double low = (-bound - x[i]) / noise_sd, high = (bound - x[i]) / noise_sd;
    const double z = truncated_normal_quantile(random.uniform_open(), low, high);
    theta[i] = std::clamp(x[i] + noise_sd * z, -bound, bound);  // rounding may pass a bound
  }
}

}  // namespace fluxsbi::data
