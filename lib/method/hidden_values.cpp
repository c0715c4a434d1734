#include "method/hidden_values.hpp"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/isnan.h>

#include "core/error.hpp"
#include "data/missing.hpp"

namespace fluxsbi::method {

HiddenValues::HiddenValues(double rate, bool joint, int64_t theta_dim, int64_t x_dim, int64_t x_channels)
    : share_(data::hidden_share(rate)),
      joint_(joint),
      theta_dim_(theta_dim),
      x_dim_(x_dim),
      x_channels_(x_channels) {
  core::require(rate >= 0 && rate < 1 && theta_dim >= 1 && x_dim >= 1, "missing values are those of x");
}

int64_t HiddenValues::values() const {
  return joint_ ? x_dim_ : x_dim_ * x_channels_;
}

std::vector<int64_t> HiddenValues::numbers() const {
  if (share_ == 0) return {};
  return {1 + values()};
}

at::Tensor HiddenValues::hidden(const at::Tensor& uniform) const {
  const at::Tensor below = uniform < share_;
  return below.narrow(1, 0, 1).logical_and(below.narrow(1, 1, values()));
}

void HiddenValues::apply(Batch& batch, const at::Tensor& uniform) const {
  if (!joint_) {
    if (uniform.defined())
      batch.cond = batch.cond.masked_fill(hidden(uniform).view_as(batch.cond),
                                          std::numeric_limits<double>::quiet_NaN());
    return;
  }
  at::Tensor missing = at::isnan(batch.obs).any(2);  // [B, L]
  if (uniform.defined())
    missing = missing.logical_or(at::constant_pad_nd(hidden(uniform), {theta_dim_, 0}, false));
  batch.missing = missing.unsqueeze(2);
  batch.obs = batch.obs.masked_fill(batch.missing, 0);
}

}  // namespace fluxsbi::method
