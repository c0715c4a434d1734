#include "engine/cuda/kernels/attention.cuh"
#include "engine/cuda/kernels/attention_gradient.cuh"
#include "engine/cuda/kernels/launch.cuh"

namespace fluxsbi::engine::cuda::kernels {

namespace {

// Every GPU since compute capability 8.0 gives a block so much.
constexpr int64_t most_shared_bytes = 99 * 1024;
// A block takes more heads up to here: beyond it few blocks would fit a multiprocessor.
constexpr int64_t enough_shared_bytes = 16 * 1024;

AttentionPlan plan(const Attention& call, int vectors, int scores) {
  const int64_t bytes =
      attention_words(call.tokens(), call.D, vectors, scores) * static_cast<int64_t>(sizeof(float));
  if (bytes > most_shared_bytes || call.H == 0) return {};
  AttentionPlan result;
  result.heads = enough_shared_bytes / bytes;
  if (result.heads < 1) result.heads = 1;
  if (result.heads > call.H) result.heads = call.H;
  result.groups = blocks_for(call.H, result.heads);
  result.shared_bytes = result.heads * bytes;
  return result;
}

// A kernel's argument: the call, and how its heads are divided.
template <class Call>
struct Planned {
  Call call;
  int heads;
};

template <class Call>
void start_planned(const char* name, void (*kernel)(Planned<Call>), const AttentionPlan& plan,
                   int64_t samples, const Call& call, Stream stream) {
  start(name, kernel, {samples, plan.groups, attention_threads, plan.shared_bytes},
        Planned<Call>{call, static_cast<int>(plan.heads)}, stream);
}

}  // namespace

template <class T>
__global__ void __launch_bounds__(attention_threads) attention_kernel(Planned<Attention> planned) {
  attention_of_heads<T>(planned.call, planned.heads, shared_floats());
}

template <class T>
__global__ void __launch_bounds__(attention_threads)
    attention_gradient_kernel(Planned<AttentionGradient> planned) {
  attention_of_heads_gradient<T>(planned.call, planned.heads, shared_floats());
}

AttentionPlan plan_attention(const Attention& call) {
  return plan(call, 3, 1);
}

AttentionPlan plan_attention_gradient(const Attention& call) {
  return plan(call, 4, 2);
}

void attention(const Attention& call, Stream stream) {
  const AttentionPlan plan = plan_attention(call);
  if (call.type == Storage::float32) {
    start_planned("attention float32", attention_kernel<float>, plan, call.B, call, stream);
  } else {
    start_planned("attention bfloat16", attention_kernel<bfloat16>, plan, call.B, call, stream);
  }
}

void attention_gradient(const AttentionGradient& call, Stream stream) {
  const AttentionPlan plan = plan_attention_gradient(call.of);
  if (call.of.type == Storage::float32) {
    start_planned("attention_gradient float32", attention_gradient_kernel<float>, plan, call.of.B, call,
                  stream);
  } else {
    start_planned("attention_gradient bfloat16", attention_gradient_kernel<bfloat16>, plan, call.of.B, call,
                  stream);
  }
}

}  // namespace fluxsbi::engine::cuda::kernels
