#include "method/hidden_values.hpp"

#include <limits>

#include <ATen/TensorOperators.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/isnan.h>

#include "core/error.hpp"

namespace fluxsbi::method {

HiddenValues::HiddenValues(double rate, bool joint, int64_t theta_dim, int64_t x_dim, int64_t x_channels)
    : rate_(rate), joint_(joint), theta_dim_(theta_dim), x_dim_(x_dim), x_channels_(x_channels) {
  core::require(rate >= 0 && rate < 1 && theta_dim >= 1 && x_dim >= 1, "missing values are those of x");
}

std::vector<int64_t> HiddenValues::numbers() const {
  if (rate_ == 0) return {};
  return joint_ ? std::vector<int64_t>{x_dim_} : std::vector<int64_t>{x_dim_, x_channels_};
}

void HiddenValues::apply(Batch& batch, const at::Tensor& uniform) const {
  if (!joint_) {
    if (uniform.defined())
      batch.cond = batch.cond.masked_fill(uniform < rate_, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  at::Tensor missing = at::isnan(batch.obs).any(2);  // [B, L]
  if (uniform.defined())
    missing = missing.logical_or(at::constant_pad_nd(uniform < rate_, {theta_dim_, 0}, false));
  batch.missing = missing.unsqueeze(2);
  batch.obs = batch.obs.masked_fill(batch.missing, 0);
}

}  // namespace fluxsbi::method
