#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include "engine/cuda/fused_calls.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::engine::cuda {

namespace {

using model::ops::Stream;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using MaybeTensor = std::optional<at::Tensor>;

at::Tensor tensor_or_none(const MaybeTensor& maybe) {
  return maybe.value_or(at::Tensor());
}

MaybeTensor maybe(const at::Tensor& tensor) {
  return tensor.defined() ? MaybeTensor(tensor) : std::nullopt;
}

const void* data_or_null(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr() : nullptr;
}

// All tensors of a call, contiguous, in the order in which they are saved; some are undefined.
struct AttentionTensors {
  at::Tensor packed[2], query_scale[2], key_scale[2], rope, edges;
  int64_t heads = 0;

  variable_list list() const {
    return {packed[0], query_scale[0], key_scale[0], packed[1], query_scale[1], key_scale[1], rope, edges};
  }
  static AttentionTensors from(const variable_list& list, int64_t heads) {
    return {{list[0], list[3]}, {list[1], list[4]}, {list[2], list[5]}, list[6], list[7], heads};
  }

  int64_t head_dim() const {
    return query_scale[0].defined() ? query_scale[0].numel() : packed[0].size(-1) / (3 * heads);
  }
  kernels::Attention call() const;
};

kernels::Attention AttentionTensors::call() const {
  kernels::Attention call;
  call.B = packed[0].size(1), call.H = heads, call.D = head_dim();
  call.m = packed[0].size(-1) - 3 * call.H * call.D;
  call.eps = static_cast<float>(model::ops::norm_eps);
  call.type = storage_of(packed[0].scalar_type());
  kernels::AttentionStream* streams[] = {&call.first, &call.second};
  for (int i = 0; i < 2; ++i) {
    if (!packed[i].defined()) continue;
    streams[i]->T = packed[i].size(0), streams[i]->packed = packed[i].const_data_ptr();
    streams[i]->query_scale = data_or_null(query_scale[i]),
    streams[i]->key_scale = data_or_null(key_scale[i]);
  }
  if (rope.defined()) {
    // [T, B or 1, 2, H, D/2]: the same for q, k and all heads, of which the first is read
    call.rope = static_cast<const float*>(rope.const_data_ptr());
    const int64_t sample = 2 * call.H * (call.D / 2);
    call.rope_token = rope.size(1) * sample, call.rope_sample = rope.size(1) == 1 ? 0 : sample;
  }
  if (edges.defined()) {
    call.edges = edges.const_data_ptr<float>();
    call.edges_token = edges.size(1) * edges.size(2);
    call.edges_sample = edges.size(1) == 1 ? 0 : edges.size(2);
  }
  return call;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& packed,
                               const MaybeTensor& query_scale, const MaybeTensor& key_scale,
                               const MaybeTensor& packed_2, const MaybeTensor& query_scale_2,
                               const MaybeTensor& key_scale_2, const MaybeTensor& rope,
                               const MaybeTensor& edges, int64_t heads, const FusedKernels* own) {
    variable_list list{packed,
                       tensor_or_none(query_scale),
                       tensor_or_none(key_scale),
                       tensor_or_none(packed_2),
                       tensor_or_none(query_scale_2),
                       tensor_or_none(key_scale_2),
                       tensor_or_none(rope),
                       tensor_or_none(edges)};
    for (at::Tensor& tensor : list) {
      if (tensor.defined()) tensor = tensor.contiguous();
    }
    const AttentionTensors tensors = AttentionTensors::from(list, heads);
    kernels::Attention call = tensors.call();
    variable_list outputs;
    kernels::AttentionStream* streams[] = {&call.first, &call.second};
    for (int i = 0; i < 2; ++i) {
      if (!tensors.packed[i].defined()) continue;
      const at::Tensor& rows = tensors.packed[i];
      outputs.push_back(at::empty({rows.size(0), rows.size(1), call.H * call.D + call.m}, rows.options()));
      streams[i]->out = outputs.back().mutable_data_ptr();
    }
    const OnDevice device(*own, packed);
    kernels::attention(call, device.stream);
    context->save_for_backward(tensors.list());
    context->saved_data["heads"] = heads;
    context->saved_data["kernels"] = reinterpret_cast<int64_t>(own);
    return outputs;
  }

  static variable_list backward(AutogradContext* context, const variable_list& douts) {
    const auto& own = *reinterpret_cast<const FusedKernels*>(context->saved_data["kernels"].toInt());
    const AttentionTensors tensors =
        AttentionTensors::from(context->get_saved_variables(), context->saved_data["heads"].toInt());
    kernels::AttentionGradient call;
    call.of = tensors.call();
    variable_list dout, gradients(10);  // one for each of forward's arguments
    kernels::AttentionStreamGradient* streams[] = {&call.first, &call.second};
    for (size_t i = 0; i < douts.size(); ++i) {
      dout.push_back(douts[i].contiguous());
      gradients[3 * i] = room_like(tensors.packed[i]);
      *streams[i] = {dout.back().const_data_ptr(), gradients[3 * i].mutable_data_ptr()};
    }
    const OnDevice device(own, tensors.packed[0]);
    at::Tensor parts;  // [blocks, 2 streams, 2 (q, k), D]
    if (tensors.query_scale[0].defined()) {
      const int64_t blocks = call.of.B * kernels::plan_attention_gradient(call.of).groups;
      parts = at::empty({blocks, 2, 2, call.of.D}, tensors.packed[0].options().dtype(at::kFloat));
      call.dscales = parts.mutable_data_ptr<float>();
    }
    kernels::attention_gradient(call, device.stream);
    if (!parts.defined()) return gradients;
    const at::Tensor sums = parts.sum(at::IntArrayRef{0}).to(tensors.query_scale[0].scalar_type());
    for (size_t i = 0; i < douts.size(); ++i) {
      const auto stream = sums.select(0, static_cast<int64_t>(i));
      gradients[3 * i + 1] = stream.select(0, 0), gradients[3 * i + 2] = stream.select(0, 1);
    }
    return gradients;
  }
};

bool covers(const std::vector<Stream>& streams, const at::Tensor& rope, int64_t heads,
            const at::Tensor& edges) {
  if (streams.size() > 2) return false;
  const Stream& first = streams.front();
  for (const Stream& stream : streams) {
    const at::ScalarType type = first.packed.scalar_type();
    if (stream.packed.scalar_type() != type || stream.packed.size(-1) != first.packed.size(-1)) return false;
    if (stream.query_scale.defined() != first.query_scale.defined()) return false;
    const bool normed = stream.query_scale.defined();
    if (normed && (stream.query_scale.scalar_type() != type || stream.key_scale.scalar_type() != type))
      return false;
  }
  if (rope.defined() && rope.scalar_type() != at::kComplexFloat) return false;
  if (edges.defined() && edges.scalar_type() != at::kFloat) return false;
  AttentionTensors tensors;
  tensors.heads = heads;
  for (size_t i = 0; i < streams.size(); ++i) {
    tensors.packed[i] = streams[i].packed;
    tensors.query_scale[i] = streams[i].query_scale;
  }
  // The gradient needs more room; what is evaluated forward alone is to give the same bits.
  return kernels::plan_attention_gradient(tensors.call()).heads > 0;
}

}  // namespace

std::vector<at::Tensor> fused_attention(const FusedKernels& kernels, const std::vector<Stream>& streams,
                                        const at::Tensor& rope, int64_t heads, const at::Tensor& edges) {
  if (!covers(streams, rope, heads, edges)) return {};
  const Stream none;
  const Stream &first = streams[0], &second = streams.size() > 1 ? streams[1] : none;
  return AttentionFunction::apply(first.packed, maybe(first.query_scale), maybe(first.key_scale),
                                  maybe(second.packed), maybe(second.query_scale), maybe(second.key_scale),
                                  maybe(rope), maybe(edges), heads, &kernels);
}

}  // namespace fluxsbi::engine::cuda
