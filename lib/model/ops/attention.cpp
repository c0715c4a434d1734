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

bool is_normed(const std::vector<Stream>& streams) {
  return streams[0].query_scale.defined();
}

// D
int64_t head_dim(const std::vector<Stream>& streams, int64_t heads) {
  return is_normed(streams) ? streams[0].query_scale.numel() : streams[0].packed.size(-1) / (3 * heads);
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
  const auto type = streams[0].packed.scalar_type(), wide = at::promote_types(type, at::kFloat);
  std::vector<at::Tensor> packed, scales;
  for (const Stream& stream : streams) {
    packed.push_back(stream.packed.narrow(-1, 0, 3 * F));
    if (!is_normed(streams)) continue;
    scales.push_back(at::stack({stream.query_scale, stream.key_scale})
                         .to(wide)
                         .unsqueeze(1)
                         .expand({stream.packed.size(0), 1, 2, heads, D}));
  }
  const at::Tensor qkv = at::cat(packed, 0).unflatten(-1, {3, heads, D});  // [T, B, 3, H, D]
  at::Tensor qk = qkv.narrow(2, 0, 2).to(wide);
  if (is_normed(streams)) qk = rms_norm(qk, at::cat(scales, 0));
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

// What attention is told beside its streams; constants for autograd.
struct Setting {
  at::Tensor rope, edges;
  int64_t heads;
};

// Inputs in one list, as autograd wants them: of each stream packed and, where it is normed, query_scale and
// key_scale.
variable_list flatten(const std::vector<Stream>& streams) {
  variable_list list;
  for (const Stream& stream : streams) {
    list.push_back(stream.packed);
    if (is_normed(streams)) list.insert(list.end(), {stream.query_scale, stream.key_scale});
  }
  return list;
}

std::vector<Stream> unflatten(const variable_list& list, bool normed) {
  std::vector<Stream> streams;
  for (size_t i = 0; i < list.size(); i += normed ? 3 : 1) {
    streams.push_back(normed ? Stream{list[i], list[i + 1], list[i + 2]} : Stream{list[i], {}, {}});
  }
  return streams;
}

// (cos, sin) pairs [T, B or 1, D/2, 2] of the table, which repeats them for q, k and all heads.
Input rotation_rows(const at::Tensor& rope) {
  if (!rope.defined()) return {};
  const at::Tensor pairs = at::view_as_real(rope.select(2, 0).select(2, 0));
  return {pairs.const_data_ptr<float>(), pairs.stride(0), pairs.size(1) == 1 ? 0 : pairs.stride(1)};
}

Attention make_job(const std::vector<Stream>& streams, const Setting& setting) {
  Attention job{};
  job.B = streams[0].packed.size(1);
  job.H = setting.heads;
  job.D = head_dim(streams, setting.heads);
  job.eps = static_cast<float>(norm_eps);
  job.streams = static_cast<int64_t>(streams.size());
  job.rotation = rotation_rows(setting.rope);
  if (setting.edges.defined()) job.edges = rows_of(setting.edges);
  for (size_t s = 0; s < streams.size(); ++s) {
    job.stream[s].tokens = streams[s].packed.size(0);
    job.stream[s].packed = rows_of(streams[s].packed);
    job.tokens += job.stream[s].tokens;
    if (!is_normed(streams)) continue;
    job.stream[s].query_scale = streams[s].query_scale.const_data_ptr<float>();
    job.stream[s].key_scale = streams[s].key_scale.const_data_ptr<float>();
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
    const auto floats = static_cast<size_t>(kernels().attention_scratch(job, backward));
    const auto scratch = std::make_unique_for_overwrite<float[]>(floats);
    body(begin, end, scratch.get());
  });
}

int64_t work_of(const Attention& job, const std::vector<Stream>& streams) {
  return job.tokens * (2 * streams[0].packed.size(-1) + 2 * job.tokens * job.H * job.D);
}

variable_list attention_forward(const std::vector<Stream>& streams, const Setting& setting) {
  Attention job = make_job(streams, setting);
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

variable_list attention_backward(const std::vector<Stream>& streams, const Setting& setting,
                                 const variable_list& out_gradients) {
  Attention job = make_job(streams, setting);
  const int64_t F = job.H * job.D, groups = (job.B + kernels().group - 1) / kernels().group;
  at::Tensor partial;
  if (is_normed(streams)) {
    partial = at::empty({groups, job.streams, 2, job.D}, streams[0].packed.options());
    job.scale_gradient = partial.mutable_data_ptr<float>();
  }
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
  if (!is_normed(streams)) return packed_gradients;
  const auto scales =
      partial.sum(0).flatten(0, 1).unbind(0);  // the groups' order, whatever the number of threads
  variable_list result;
  for (size_t s = 0; s < streams.size(); ++s) {
    result.insert(result.end(), {packed_gradients[s], scales[2 * s], scales[2 * s + 1]});
  }
  return result;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  // autograd takes no undefined tensor: `rope` and `edges` are then empty.
  static variable_list forward(AutogradContext* context, const at::TensorList& inputs, bool normed,
                               const std::optional<at::Tensor>& rope, const std::optional<at::Tensor>& edges,
                               int64_t heads) {
    context->save_for_backward(inputs.vec());
    context->saved_data["normed"] = normed;
    context->saved_data["rope"] = rope;
    context->saved_data["edges"] = edges;
    context->saved_data["heads"] = heads;
    const at::Tensor none;
    return attention_forward(unflatten(inputs.vec(), normed),
                             {rope.value_or(none), edges.value_or(none), heads});
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list inputs = context->get_saved_variables();
    auto& told = context->saved_data;
    const bool normed = told["normed"].toBool();
    const auto table = [&](const char* name) {
      return told[name].toOptional<at::Tensor>().value_or(at::Tensor());
    };
    const Setting setting{table("rope"), table("edges"), told["heads"].toInt()};
    variable_list result;
    if (c10::GradMode::is_enabled()) {
      result = differentiable_gradients(
          [&](const auto& list) {
            return reference::attention(unflatten(list, normed), setting.rope, setting.heads, setting.edges);
          },
          inputs, gradients);
    } else {
      result = attention_backward(unflatten(inputs, normed), setting, gradients);
    }
    result.resize(inputs.size() + 4);  // no gradient of what it is told
    return result;
  }
};

bool covered(const std::vector<Stream>& streams, const at::Tensor& rope, const at::Tensor& edges) {
  int64_t tokens = 0;
  for (const Stream& stream : streams) {
    if (!covers({stream.packed})) return false;
    if (is_normed(streams) && !covers({stream.query_scale, stream.key_scale})) return false;
    tokens += stream.packed.size(0);
  }
  const bool rope_fits = !rope.defined() || (rope.scalar_type() == at::kComplexFloat && rope.stride(-1) == 1);
  return streams.size() <= Attention::most_streams && tokens <= most_fused_tokens && rope_fits &&
         (!edges.defined() || covers({edges}));
}

}  // namespace

std::vector<at::Tensor> attention(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
                                  const at::Tensor& edges) {
  if (!covered(streams, rope, edges)) return reference::attention(streams, rope, heads, edges);
  const variable_list inputs = flatten(streams);
  if (!recorded(inputs)) return attention_forward(streams, {rope, edges, heads});
  const auto optional = [](const at::Tensor& x) { return x.defined() ? std::optional(x) : std::nullopt; };
  return AttentionFunction::apply(at::TensorList(inputs), is_normed(streams), optional(rope), optional(edges),
                                  heads);
}

}  // namespace fluxsbi::model::ops
