#include "model/blocks/rope.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/polar.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include "core/error.hpp"

namespace fluxsbi::model {

at::Tensor rope_table(const at::Tensor& ids, const std::vector<int64_t>& axes_dim, double rope_theta,
                      int64_t heads) {
  core::require(ids.dim() == 3 && ids.size(2) == static_cast<int64_t>(axes_dim.size()),
                "rotary ids have one entry for each axis of axes_dim");
  std::vector<at::Tensor> angles;
  for (size_t axis = 0; axis < axes_dim.size(); ++axis) {
    const at::Tensor exponent = at::arange(axes_dim[axis] / 2, ids.options().dtype(at::kDouble)) * 2 /
                                static_cast<double>(axes_dim[axis]);
    const at::Tensor omega = at::exp(exponent * -std::log(rope_theta));
    angles.push_back(ids.select(2, static_cast<int64_t>(axis)).to(at::kDouble).unsqueeze(-1) * omega);
  }
  const at::Tensor angle = at::cat(angles, -1);  // [T, B or 1, D/2]
  const at::Tensor table = at::polar(at::ones_like(angle), angle).to(at::kComplexFloat);
  return table.unsqueeze(2)
      .unsqueeze(2)
      .expand({table.size(0), table.size(1), 2, heads, table.size(2)})
      .contiguous();
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& table) {
  if (!table.defined()) return x;
  const at::Tensor pairs = at::view_as_complex(x.unflatten(-1, {x.size(-1) / 2, 2}));
  return at::view_as_real(pairs * table).flatten(-2);
}

}  // namespace fluxsbi::model
