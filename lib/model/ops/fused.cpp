#include "model/ops/fused.hpp"

#include <atomic>

#include <ATen/ops/contiguous.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace fluxsbi::model::ops {

namespace {

std::atomic<bool> fused_on{true};

template <class Number>
Rows<Number> rows_at(Number* data, const at::Tensor& x) {
  const int64_t samples = x.dim() > 2 ? 1 : 0;  // the axis
  return {data, samples == 1 ? x.stride(0) : 0, x.size(samples) == 1 ? 0 : x.stride(samples)};
}

}  // namespace

UseFused::UseFused(bool on) : before_(fused_on.exchange(on)) {}
UseFused::~UseFused() {
  fused_on = before_;
}

bool covers(std::initializer_list<at::Tensor> tensors) {
  return fused_on && std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& x) {
           return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.layout() == at::kStrided &&
                  x.dim() > 0 && x.numel() > 0 && (x.size(-1) == 1 || x.stride(-1) == 1);
         });
}

bool recorded(const std::vector<at::Tensor>& inputs) {
  return c10::GradMode::is_enabled() &&
         std::any_of(inputs.begin(), inputs.end(), [](const at::Tensor& x) { return x.requires_grad(); });
}

Input rows_of(const at::Tensor& x) {
  return rows_at(x.const_data_ptr<float>(), x);
}

Output writable_rows(const at::Tensor& x) {
  return rows_at(x.mutable_data_ptr<float>(), x);
}

at::Tensor with_contiguous_rows(const at::Tensor& x) {
  return x.size(-1) == 1 || x.stride(-1) == 1 ? x : x.contiguous();
}

std::vector<at::Tensor> differentiable_gradients(
    const std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>& reference,
    const std::vector<at::Tensor>& inputs, const std::vector<at::Tensor>& out_gradients) {
  std::vector<at::Tensor> wanted;
  for (const at::Tensor& input : inputs) {
    if (input.requires_grad()) wanted.push_back(input);
  }
  const auto found = torch::autograd::grad(reference(inputs), wanted, out_gradients, /*retain_graph=*/true,
                                           /*create_graph=*/true);
  std::vector<at::Tensor> result;
  auto next = found.begin();
  for (const at::Tensor& input : inputs) result.push_back(input.requires_grad() ? *next++ : at::Tensor());
  return result;
}

}  // namespace fluxsbi::model::ops
