#include "data/tasks/gaussian_linear_uniform.hpp"

#include <algorithm>

#include "data/prior/truncated_normal.hpp"

namespace fluxsbi::data {

namespace {

constexpr double box_end = 1;

}  // namespace

GaussianLinearUniform::GaussianLinearUniform()
    : GaussianLinear(make_prior({PriorKind::box, {-box_end}, {box_end}, {}, {}}, 10)) {}

void GaussianLinearUniform::sample_posterior(std::span<const double> x, core::Philox& random,
                                             std::span<double> theta) const {
  for (size_t i = 0; i < theta.size(); ++i) {
    const double low = (-box_end - x[i]) / noise_sd, high = (box_end - x[i]) / noise_sd;
    const double z = truncated_normal_quantile(random.uniform_open(), low, high);
    theta[i] = std::clamp(x[i] + noise_sd * z, -box_end, box_end);  // rounding may pass an end
  }
}

}  // namespace fluxsbi::data
