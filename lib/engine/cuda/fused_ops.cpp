#include "engine/cuda/fused_ops.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include "engine/cuda/fused_calls.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::engine::cuda {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// What the backward pass needs besides tensors: `this` of the kernels, which live as long as the process.
const FusedKernels& kernels_of(AutogradContext* context) {
  return *reinterpret_cast<const FusedKernels*>(context->saved_data["kernels"].toInt());
}
void remember(AutogradContext* context, const FusedKernels& own) {
  context->saved_data["kernels"] = reinterpret_cast<int64_t>(&own);
}

// The kernel refuses longer sequences: it keeps four numbers of every token in shared memory.
constexpr int64_t most_norm_tokens = 2048;

kernels::ModulatedNorm norm_call(const at::Tensor& x, const PerSample& shift, const PerSample& scale,
                                 at::ScalarType type) {
  kernels::ModulatedNorm call;
  call.T = x.size(0), call.B = x.size(1), call.F = x.size(2);
  call.eps = static_cast<float>(model::ops::norm_eps);
  call.x_type = storage_of(x.scalar_type()), call.y_type = storage_of(type);
  call.modulation_type = storage_of(shift.tensor.scalar_type());
  call.x = x.const_data_ptr(), call.shift = shift.data(), call.scale = scale.data();
  call.shift_stride = shift.stride, call.scale_stride = scale.stride;
  return call;
}

struct NormFunction : torch::autograd::Function<NormFunction> {
  static Variable forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& shift,
                          const at::Tensor& scale, int64_t type, const FusedKernels* own) {
    const at::Tensor x = given.contiguous();
    const at::Tensor y = at::empty(x.sizes(), x.options().dtype(static_cast<at::ScalarType>(type)));
    const OnDevice device(*own, x);
    const PerSample shifts(shift), scales(scale);
    kernels::ModulatedNorm call = norm_call(x, shifts, scales, y.scalar_type());
    call.y = y.mutable_data_ptr();
    kernels::modulated_norm(call, device.stream);
    context->save_for_backward({x, shift, scale});
    remember(context, *own);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], dy = gradients[0].contiguous();
    const OnDevice device(kernels_of(context), x);
    const PerSample shift(saved[1]), scale(saved[2]);
    kernels::ModulatedNormGradient call;
    call.of = norm_call(x, shift, scale, dy.scalar_type());
    const at::Tensor dx = room_like(x), dshift = at::empty({x.size(1), x.size(2)}, shift.tensor.options()),
                     dscale = room_like(dshift);
    call.dy = dy.const_data_ptr(), call.dx = dx.mutable_data_ptr();
    call.dshift = dshift.mutable_data_ptr(), call.dscale = dscale.mutable_data_ptr();
    kernels::modulated_norm_gradient(call, device.stream);
    return {dx, gradient_as(dshift, saved[1].size(0)), gradient_as(dscale, saved[2].size(0)), {}, {}};
  }
};

kernels::GatedResidual residual_call(const at::Tensor& y, const PerSample& gate) {
  kernels::GatedResidual call;
  call.T = y.size(0), call.B = y.size(1), call.F = y.size(2);
  call.type = storage_of(y.scalar_type());
  call.y = y.const_data_ptr(), call.gate = gate.data(), call.gate_stride = gate.stride;
  return call;
}

struct ResidualFunction : torch::autograd::Function<ResidualFunction> {
  static Variable forward(AutogradContext* context, const at::Tensor& given_x, const at::Tensor& gate,
                          const at::Tensor& given_y, const FusedKernels* own) {
    const at::Tensor x = given_x.contiguous(), y = given_y.contiguous(), out = room_like(x);
    const OnDevice device(*own, x);
    const PerSample gates(gate);
    kernels::GatedResidual call = residual_call(y, gates);
    call.x = x.const_data_ptr(), call.out = out.mutable_data_ptr();
    kernels::gated_residual(call, device.stream);
    context->save_for_backward({gate, y});
    remember(context, *own);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &y = saved[1], dout = gradients[0].contiguous();
    const OnDevice device(kernels_of(context), y);
    const PerSample gate(saved[0]);
    const at::Tensor dy = room_like(y), dgate = at::empty({y.size(1), y.size(2)}, y.options());
    kernels::GatedResidualGradient call;
    call.of = residual_call(y, gate);
    call.dout = dout.const_data_ptr(), call.dy = dy.mutable_data_ptr();
    call.dgate = dgate.mutable_data_ptr();
    kernels::gated_residual_gradient(call, device.stream);
    return {dout, gradient_as(dgate, saved[0].size(0)), dy, {}};
  }
};

struct GeluFunction : torch::autograd::Function<GeluFunction> {
  static Variable forward(AutogradContext* context, const at::Tensor& given, const FusedKernels* own) {
    const at::Tensor x = given.contiguous(), y = room_like(x);
    const OnDevice device(*own, x);
    kernels::gelu({x.numel(), storage_of(x.scalar_type()), x.const_data_ptr(), y.mutable_data_ptr()},
                  device.stream);
    context->save_for_backward({x});
    remember(context, *own);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    const OnDevice device(kernels_of(context), x);
    const at::Tensor dx = room_like(x);
    kernels::gelu_gradient({x.numel(), storage_of(x.scalar_type()), x.const_data_ptr(), dy.const_data_ptr(),
                            dx.mutable_data_ptr()},
                           device.stream);
    return {dx, {}};
  }
};

// [B, F] or [1, F] beside x [T, B, F].
bool fits(const at::Tensor& per_sample, const at::Tensor& x) {
  return per_sample.dim() == 2 && per_sample.size(1) == x.size(2) &&
         (per_sample.size(0) == x.size(1) || per_sample.size(0) == 1);
}

}  // namespace

FusedKernels::FusedKernels(at::DeviceType device, std::function<void*(at::Device)> stream)
    : device_(device), stream_(std::move(stream)) {}

bool FusedKernels::covers(const at::Tensor& x) const {
  return x.device().type() == device_ && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

at::Tensor FusedKernels::modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                                        at::ScalarType type) const {
  const bool known = covers(x) && covers(shift) && shift.scalar_type() == scale.scalar_type() &&
                     x.dim() == 3 && x.size(0) <= most_norm_tokens && fits(shift, x) && fits(scale, x);
  const bool types =
      type == at::kFloat || (type == at::kBFloat16 && x.scalar_type() == type && shift.scalar_type() == type);
  if (!known || !types) return {};
  return NormFunction::apply(x, shift.to(type), scale.to(type), static_cast<int64_t>(type), this);
}

at::Tensor FusedKernels::gated_residual(const at::Tensor& x, const at::Tensor& gate,
                                        const at::Tensor& y) const {
  const bool known = covers(x) && x.dim() == 3 && x.sizes() == y.sizes() && fits(gate, x) &&
                     gate.scalar_type() == x.scalar_type() && y.scalar_type() == x.scalar_type();
  return known ? ResidualFunction::apply(x, gate, y, this) : at::Tensor();
}

at::Tensor FusedKernels::gelu(const at::Tensor& x) const {
  return covers(x) ? GeluFunction::apply(x, this) : at::Tensor();
}

std::vector<at::Tensor> FusedKernels::attention(const std::vector<model::ops::Stream>& streams,
                                                const at::Tensor& rope, int64_t heads,
                                                const at::Tensor& edges) const {
  return covers(streams[0].packed) ? fused_attention(*this, streams, rope, heads, edges)
                                   : std::vector<at::Tensor>();
}

void FusedKernels::update(const UpdatePass& pass) const {
  const OnDevice device(*this, pass.master);
  kernels::Update call;
  call.units = pass.units.size(0), call.table = pass.units.const_data_ptr<int64_t>();
  call.master = pass.master.mutable_data_ptr<float>(), call.average = pass.average.mutable_data_ptr<float>();
  call.moment1 = pass.moment1.mutable_data_ptr<float>();
  call.moment2 = pass.moment2.mutable_data_ptr<float>();
  call.gradient = pass.gradient.const_data_ptr<float>();
  if (pass.working.defined()) call.working = pass.working.mutable_data_ptr();
  call.squares = pass.squares.mutable_data_ptr<float>(),
  call.norm = pass.gradient_norm.mutable_data_ptr<float>();
  call.scalars = pass.scalars.const_data_ptr<float>();
  call.beta1 = static_cast<float>(pass.beta1), call.beta2 = static_cast<float>(pass.beta2);
  call.eps = static_cast<float>(pass.eps), call.weight_decay = static_cast<float>(pass.weight_decay);
  using Clip = UpdatePass::Clip;
  call.clip = pass.clip == Clip::units   ? kernels::Clip::adaptive
              : pass.clip == Clip::whole ? kernels::Clip::global
                                         : kernels::Clip::none;
  call.clip_value = static_cast<float>(pass.clip_value);
  call.least_weight_norm = static_cast<float>(pass.least_weight_norm);
  call.least_gradient_norm = static_cast<float>(pass.least_gradient_norm);
  kernels::update(call, device.stream);
}

}  // namespace fluxsbi::engine::cuda
