#include "model/ops/attention.hpp"

#include <cmath>
#include <memory>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_dot_product_attention_math.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/square.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/blocks/rope.hpp"
#include "model/ops/elementwise.hpp"
#include "model/ops/fused.hpp"

namespace fluxsbi::model::ops {

namespace {

// D
int64_t head_dim(const std::vector<Stream>& streams, int64_t heads) {
  const Stream& first = streams[0];
  return first.query_scale.defined() ? first.query_scale.numel() : first.packed.size(-1) / (3 * heads);
}

}  // namespace

namespace reference {

namespace {

// x / sqrt(mean(x^2) + eps) * scale over the last axis
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& scale) {
  const at::Tensor mean_square = at::mean(at::square(x), at::IntArrayRef{-1}, /*keepdim=*/true);
  return x * at::rsqrt(mean_square + norm_eps) * scale;
}

// The library's fused attention has no second derivatives, and on a CPU gains nothing with short sequences.
at::Tensor softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                             const at::Tensor& edges) {
  if (edges.defined()) {
    const at::Tensor barred = (edges == 0).transpose(0, 1).unsqueeze(1);  // [B or 1, 1, T, T]
    const at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(-1)));
    return at::matmul(at::softmax(scores.masked_fill(barred, barred_score), -1), v);
  }
  if (q.is_cpu() && q.size(2) <= most_fused_tokens)
    return std::get<0>(at::_scaled_dot_product_attention_math(q, k, v));
  return at::scaled_dot_product_attention(q, k, v);
}

}  // namespace

std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges) {
  const int64_t D = head_dim(streams, heads), F = heads * D;
  const bool normed = streams[0].query_scale.defined();
  const auto type = streams[0].packed.scalar_type(), wide = at::promote_types(type, at::kFloat);
  std::vector<at::Tensor> packed, scales;
  for (const Stream& stream : streams) {
    packed.push_back(stream.packed.narrow(-1, 0, 3 * F));
    if (!normed) continue;
    scales.push_back(at::stack({stream.query_scale, stream.key_scale})
                         .to(wide)
                         .unsqueeze(1)
                         .expand({stream.packed.size(0), 1, 2, heads, D}));
  }
  const at::Tensor qkv = at::cat(packed, 0).unflatten(-1, {3, heads, D});  // [T, B, 3, H, D]
  at::Tensor qk = qkv.narrow(2, 0, 2).to(wide);
  if (normed) qk = rms_norm(qk, at::cat(scales, 0));
  qk = rotate(qk, rope).to(type);
  const auto heads_first = [&](const at::Tensor& x, int64_t part) {
    return x.select(2, part).permute({1, 2, 0, 3});  // -> [B, H, T, D]
  };
  const at::Tensor attended =
      softmax_attention(heads_first(qk, 0), heads_first(qk, 1), heads_first(qkv, 2), edges)
          .permute({2, 0, 1, 3})
          .flatten(2);  // [T, B, F]
  std::vector<at::Tensor> out;
  int64_t first = 0;
  for (const Stream& stream : streams) {
    const int64_t tokens = stream.packed.size(0), mlp = stream.packed.size(-1) - 3 * F;
    const at::Tensor own = attended.narrow(0, first, tokens);
    out.push_back(mlp == 0 ? own : at::cat({own, reference::gelu(stream.packed.narrow(-1, 3 * F, mlp))}, -1));
    first += tokens;
  }
  return out;
}

}  // namespace reference

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Inputs in one list, as autograd wants them: packed, query_scale, key_scale of each stream.
variable_list flatten(const std::vector<Stream>& streams) {
  variable_list list;
  for (const Stream& stream : streams)
    list.insert(list.end(), {stream.packed, stream.query_scale, stream.key_scale});
  return list;
}

std::vector<Stream> unflatten(const variable_list& list) {
  std::vector<Stream> streams;
  for (size_t i = 0; i + 2 < list.size(); i += 3) streams.push_back({list[i], list[i + 1], list[i + 2]});
  return streams;
}

// (cos, sin) pairs [T, B or 1, D/2, 2] of the table, which repeats them for q, k and all heads.
Input rotation_rows(const at::Tensor& rope) {
  if (!rope.defined()) return {};
  const at::Tensor pairs = at::view_as_real(rope.select(2, 0).select(2, 0));
  return {pairs.const_data_ptr<float>(), pairs.stride(0), pairs.size(1) == 1 ? 0 : pairs.stride(1)};
}

Attention make_job(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads) {
  Attention job{};
  job.B = streams[0].packed.size(1);
  job.H = heads;
  job.D = streams[0].query_scale.numel();
  job.eps = static_cast<float>(norm_eps);
  job.streams = static_cast<int64_t>(streams.size());
  job.rotation = rotation_rows(rope);
  for (size_t s = 0; s < streams.size(); ++s) {
    job.stream[s].tokens = streams[s].packed.size(0);
    job.stream[s].packed = rows_of(streams[s].packed);
    job.stream[s].query_scale = streams[s].query_scale.const_data_ptr<float>();
    job.stream[s].key_scale = streams[s].key_scale.const_data_ptr<float>();
    job.tokens += job.stream[s].tokens;
  }
  return job;
}

template <class Number>
Rows<Number> columns_from(Rows<Number> rows, int64_t column) {
  rows.data += column;
  return rows;
}

// f(first group, last group, scratch) in parallel; groups of samples as the kernels take them.
template <class Body>
void over_groups(const Attention& job, int64_t work_per_sample, bool backward, const Body& body) {
  const int64_t groups = (job.B + kernels().group - 1) / kernels().group;
  in_parallel(groups, work_per_sample * kernels().group, [&](int64_t begin, int64_t end) {
    const auto floats = static_cast<size_t>(kernels().attention_scratch(job.tokens, job.D, backward));
    const auto scratch = std::make_unique_for_overwrite<float[]>(floats);
    body(begin, end, scratch.get());
  });
}

int64_t work_of(const Attention& job, const std::vector<Stream>& streams) {
  return job.tokens * (2 * streams[0].packed.size(-1) + 2 * job.tokens * job.H * job.D);
}

variable_list attention_forward(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads) {
  Attention job = make_job(streams, rope, heads);
  const int64_t F = job.H * job.D;
  variable_list out;
  std::vector<GeluForward> gelus;
  for (size_t s = 0; s < streams.size(); ++s) {
    const at::Tensor& packed = streams[s].packed;
    const int64_t mlp = packed.size(2) - 3 * F;
    out.push_back(at::empty({packed.size(0), packed.size(1), F + mlp}, packed.options()));
    job.stream[s].out = writable_rows(out[s]);
    gelus.push_back(
        {packed.size(0), mlp, columns_from(rows_of(packed), 3 * F), columns_from(writable_rows(out[s]), F)});
  }
  over_groups(job, work_of(job, streams), false, [&](int64_t begin, int64_t end, float* scratch) {
    kernels().attention(job, begin, end, scratch);
    const int64_t first = begin * kernels().group, last = std::min(job.B, end * kernels().group);
    for (const GeluForward& gelu_job : gelus) kernels().gelu(gelu_job, first, last);
  });
  return out;
}

variable_list attention_backward(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                 const variable_list& out_gradients) {
  Attention job = make_job(streams, rope, heads);
  const int64_t F = job.H * job.D, groups = (job.B + kernels().group - 1) / kernels().group;
  const at::Tensor partial = at::empty({groups, job.streams, 2, job.D}, streams[0].packed.options());
  job.scale_gradient = partial.mutable_data_ptr<float>();
  variable_list packed_gradients, kept;
  std::vector<GeluBackward> gelus;
  for (size_t s = 0; s < streams.size(); ++s) {
    const at::Tensor& packed = streams[s].packed;
    packed_gradients.push_back(at::empty(packed.sizes(), packed.options()));
    kept.push_back(with_contiguous_rows(out_gradients[s]));
    const Input gradient = rows_of(kept[s]);
    const Output packed_gradient = writable_rows(packed_gradients[s]);
    job.stream[s].out_gradient = gradient;
    job.stream[s].packed_gradient = packed_gradient;
    gelus.push_back({packed.size(0), packed.size(2) - 3 * F, columns_from(rows_of(packed), 3 * F),
                     columns_from(gradient, F), columns_from(packed_gradient, 3 * F)});
  }
  over_groups(job, 2 * work_of(job, streams), true, [&](int64_t begin, int64_t end, float* scratch) {
    kernels().attention_backward(job, begin, end, scratch);
    const int64_t first = begin * kernels().group, last = std::min(job.B, end * kernels().group);
    for (const GeluBackward& gelu_job : gelus) kernels().gelu_backward(gelu_job, first, last);
  });
  const auto scales =
      partial.sum(0).flatten(0, 1).unbind(0);  // the groups' order, whatever the number of threads
  variable_list result;
  for (size_t s = 0; s < streams.size(); ++s) {
    result.insert(result.end(), {packed_gradients[s], scales[2 * s], scales[2 * s + 1]});
  }
  return result;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  // autograd takes no undefined tensor: `rope` is then empty.
  static variable_list forward(AutogradContext* context, const at::TensorList& inputs,
                               const std::optional<at::Tensor>& rope, int64_t heads) {
    variable_list kept = inputs.vec();
    const auto streams = unflatten(kept);
    if (rope) kept.push_back(*rope);
    context->save_for_backward(kept);
    context->saved_data["heads"] = heads;
    return attention_forward(streams, rope.value_or(at::Tensor()), heads);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list inputs = context->get_saved_variables();
    const int64_t heads = context->saved_data["heads"].toInt();
    at::Tensor rope;
    if (inputs.size() % 3 == 1) {
      rope = inputs.back();
      inputs.pop_back();
    }
    variable_list result;
    if (c10::GradMode::is_enabled()) {
      result = differentiable_gradients(
          [&](const auto& list) { return reference::attention(unflatten(list), rope, heads); }, inputs,
          gradients);
    } else {
      result = attention_backward(unflatten(inputs), rope, heads, gradients);
    }
    result.resize(inputs.size() + 2);  // no gradient of rope and heads
    return result;
  }
};

bool covered(const std::vector<Stream>& streams, const at::Tensor& rope) {
  int64_t tokens = 0;
  for (const Stream& stream : streams) {
    if (!covers({stream.packed, stream.query_scale, stream.key_scale})) return false;
    tokens += stream.packed.size(0);
  }
  const bool rope_fits = !rope.defined() || (rope.scalar_type() == at::kComplexFloat && rope.stride(-1) == 1);
  return streams.size() <= Attention::most_streams && tokens <= most_fused_tokens && rope_fits;
}

}  // namespace

std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges) {
  if (edges.defined() || !streams[0].query_scale.defined() || !covered(streams, rope))
    return reference::attention(streams, rope, heads, edges);
  const variable_list inputs = flatten(streams);
  if (!recorded(inputs)) return attention_forward(streams, rope, heads);
  return AttentionFunction::apply(at::TensorList(inputs), rope.defined() ? std::optional(rope) : std::nullopt,
                                  heads);
}

}  // namespace fluxsbi::model::ops
