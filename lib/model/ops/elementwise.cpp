#include "model/ops/elementwise.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/native_layer_norm.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/fused.hpp"

namespace fluxsbi::model::ops {

namespace reference {

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  const at::Tensor normed =
      std::get<0>(at::native_layer_norm(x.to(shift.scalar_type()), {x.size(-1)}, {}, {}, norm_eps));
  return at::addcmul(shift, normed, scale + 1);
}

at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  return at::addcmul(x, gate, y);
}

at::Tensor gelu(const at::Tensor& x) {
  return at::gelu(x, "tanh");
}

}  // namespace reference

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One row for all samples comes from a solver that gives them one time; it is not recorded.
bool rows_fit(const at::Tensor& x, const at::Tensor& per_sample, bool with_gradient) {
  return x.dim() == 3 && per_sample.dim() == 2 && x.size(2) == per_sample.size(1) &&
         (x.size(1) == per_sample.size(0) || (per_sample.size(0) == 1 && !with_gradient));
}

// ---- modulated_norm

// `statistics` [T, B, 2] is filled if it is defined.
at::Tensor norm_forward(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale,
                        const at::Tensor& statistics) {
  const at::Tensor out = at::empty(x.sizes(), x.options());
  const NormForward job{x.size(0),
                        x.size(2),
                        static_cast<float>(norm_eps),
                        rows_of(x),
                        rows_of(shift),
                        rows_of(scale),
                        writable_rows(out),
                        statistics.defined() ? writable_rows(statistics) : Output{}};
  in_parallel(x.size(1), 2 * job.T * job.F,
              [&](int64_t begin, int64_t end) { kernels().norm(job, begin, end); });
  return out;
}

struct NormFunction : torch::autograd::Function<NormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& shift,
                            const at::Tensor& scale) {
    const at::Tensor statistics = at::empty({x.size(0), x.size(1), 2}, x.options());
    const at::Tensor out = norm_forward(x, shift, scale, statistics);
    context->save_for_backward({x, shift, scale, statistics});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    if (c10::GradMode::is_enabled()) {
      return differentiable_gradients(
          [](const auto& in) { return variable_list{reference::modulated_norm(in[0], in[1], in[2])}; },
          {saved[0], saved[1], saved[2]}, gradients);
    }
    const at::Tensor &x = saved[0], &scale = saved[2], g = with_contiguous_rows(gradients[0]);
    const at::Tensor dx = at::empty(x.sizes(), x.options());
    const at::Tensor dshift = at::empty(scale.sizes(), x.options()),
                     dscale = at::empty(scale.sizes(), x.options());
    const NormBackward job{x.size(0),
                           x.size(2),
                           rows_of(x),
                           rows_of(scale),
                           rows_of(saved[3]),
                           rows_of(g),
                           writable_rows(dx),
                           writable_rows(dshift),
                           writable_rows(dscale)};
    in_parallel(x.size(1), 4 * job.T * job.F,
                [&](int64_t begin, int64_t end) { kernels().norm_backward(job, begin, end); });
    return {dx, dshift, dscale};
  }
};

// ---- gated_residual

at::Tensor gate_forward(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  const at::Tensor out = at::empty(x.sizes(), x.options());
  const GateForward job{x.size(0), x.size(2), rows_of(x), rows_of(gate), rows_of(y), writable_rows(out)};
  in_parallel(x.size(1), job.T * job.F, [&](int64_t begin, int64_t end) { kernels().gate(job, begin, end); });
  return out;
}

struct GateFunction : torch::autograd::Function<GateFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& gate,
                            const at::Tensor& y) {
    context->save_for_backward({gate, y});
    return gate_forward(x, gate, y);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &y = saved[1];
    if (c10::GradMode::is_enabled()) {
      auto found = differentiable_gradients([](const auto& in) { return variable_list{in[0] * in[1]}; },
                                            {gate, y}, gradients);
      return {gradients[0], found[0], found[1]};
    }
    const at::Tensor g = with_contiguous_rows(gradients[0]);
    const at::Tensor dgate = at::empty(gate.sizes(), gate.options()), dy = at::empty(y.sizes(), y.options());
    const GateBackward job{
        y.size(0), y.size(2), rows_of(gate), rows_of(y), rows_of(g), writable_rows(dgate), writable_rows(dy)};
    in_parallel(y.size(1), 2 * job.T * job.F,
                [&](int64_t begin, int64_t end) { kernels().gate_backward(job, begin, end); });
    return {gradients[0], dgate, dy};
  }
};

// ---- gelu

at::Tensor gelu_forward(const at::Tensor& x) {
  const at::Tensor out = at::empty(x.sizes(), x.options());
  const GeluForward job{x.size(0), x.size(2), rows_of(x), writable_rows(out)};
  in_parallel(x.size(1), 4 * job.T * job.F,
              [&](int64_t begin, int64_t end) { kernels().gelu(job, begin, end); });
  return out;
}

struct GeluFunction : torch::autograd::Function<GeluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    context->save_for_backward({x});
    return gelu_forward(x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor x = context->get_saved_variables()[0];
    if (c10::GradMode::is_enabled()) {
      return differentiable_gradients([](const auto& in) { return variable_list{reference::gelu(in[0])}; },
                                      {x}, gradients);
    }
    const at::Tensor g = with_contiguous_rows(gradients[0]), dx = at::empty(x.sizes(), x.options());
    const GeluBackward job{x.size(0), x.size(2), rows_of(x), rows_of(g), writable_rows(dx)};
    in_parallel(x.size(1), 6 * job.T * job.F,
                [&](int64_t begin, int64_t end) { kernels().gelu_backward(job, begin, end); });
    return {dx};
  }
};

}  // namespace

at::Tensor modulated_norm(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  const bool gradient = recorded({x, shift, scale});
  if (!covers({x, shift, scale}) || !rows_fit(x, shift, gradient) || !rows_fit(x, scale, gradient)) {
    return reference::modulated_norm(x, shift, scale);
  }
  return gradient ? NormFunction::apply(x, shift, scale) : norm_forward(x, shift, scale, {});
}

at::Tensor gated_residual(const at::Tensor& x, const at::Tensor& gate, const at::Tensor& y) {
  const bool gradient = recorded({x, gate, y});
  if (!covers({x, gate, y}) || !rows_fit(x, gate, gradient) || x.sizes() != y.sizes()) {
    return reference::gated_residual(x, gate, y);
  }
  return gradient ? GateFunction::apply(x, gate, y) : gate_forward(x, gate, y);
}

at::Tensor gelu(const at::Tensor& x) {
  if (!covers({x}) || x.dim() != 3) return reference::gelu(x);
  return recorded({x}) ? GeluFunction::apply(x) : gelu_forward(x);
}

}  // namespace fluxsbi::model::ops
