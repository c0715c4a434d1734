// When the operations of this folder use their fused kernels, and what these wrappers share.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "model/ops/kernels.hpp"

namespace fluxsbi::model::ops {

/// Switches the fused kernels on (the start value) or off for the whole process while it lives, so that tests
/// and `bench` can compare. The choice is made in the forward pass; a backward pass follows it.
class UseFused {
 public:
  explicit UseFused(bool on);
  ~UseFused();
  UseFused(const UseFused&) = delete;
  UseFused& operator=(const UseFused&) = delete;

 private:
  bool before_;
};

/// True where the fused kernels are on and cover every tensor: float32 on a CPU, last axis contiguous, not
/// empty.
bool covers(std::initializer_list<at::Tensor> tensors);

/// True where autograd would record an operation on these tensors.
bool recorded(const std::vector<at::Tensor>& inputs);

/// Rows of x [T, B, ...] or [B, ...] (the same for all tokens); an axis B of length 1 serves any number of
/// samples.
Input rows_of(const at::Tensor& x);
Output writable_rows(const at::Tensor& x);

/// x itself or a copy whose last axis is contiguous.
at::Tensor with_contiguous_rows(const at::Tensor& x);

/// f(begin, end) for ranges that cover [0, n) in parallel, where one of n costs `work` (elementary
/// operations).
template <class Body>
void in_parallel(int64_t n, int64_t work, const Body& body) {
  constexpr int64_t least_work = 16384;  // about ten times what waking a thread costs
  at::parallel_for(0, n, std::max<int64_t>(1, least_work / std::max<int64_t>(1, work)), body);
}

/// The gradients of `reference(inputs)` for `out_gradients`, recorded so that they can be differentiated
/// again. The fused backward passes answer with it where a graph of them is asked for (create_graph).
std::vector<at::Tensor> differentiable_gradients(
    const std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>& reference,
    const std::vector<at::Tensor>& inputs, const std::vector<at::Tensor>& out_gradients);

}  // namespace fluxsbi::model::ops
