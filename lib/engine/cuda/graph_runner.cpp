#include "engine/cuda/graph_runner.hpp"

#include <string>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include "core/log.hpp"
#include "core/stop.hpp"

namespace fluxsbi::engine::cuda {

namespace {

// Autograd, cuBLAS and the allocator reach their steady state within these calls.
constexpr int warm_up_calls = 3;

// Work of the current stream and of the side stream follow each other in the order of the calls.
void order(const c10::cuda::CUDAStream& first, const c10::cuda::CUDAStream& then) {
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaEventRecord(event, first.stream());
  cudaStreamWaitEvent(then.stream(), event, 0);
  cudaEventDestroy(event);  // released once the wait has passed
}

// Ends a recording that failed, so that the allocator leaves the graph's private pool.
void abandon(at::cuda::CUDAGraph& graph, c10::DeviceIndex device) {
  try {
    graph.capture_end();
  } catch (const std::exception&) {
    c10::cuda::CUDACachingAllocator::endAllocateToPool(device, graph.pool());
  }
}

}  // namespace

GraphRunner::GraphRunner(int device)
    : device_(device), stream_(c10::cuda::getStreamFromPool(false, static_cast<c10::DeviceIndex>(device))) {}

void GraphRunner::call(const std::function<void()>& step) {
  const c10::cuda::CUDAStreamGuard on_side_stream(stream_);
  step();
}

bool GraphRunner::record(const std::function<void()>& step) {
  stream_.synchronize();
  const c10::cuda::CUDAStreamGuard on_side_stream(stream_);
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  try {
    // Other threads, which work on other GPUs, may allocate meanwhile.
    graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    step();
    graph->capture_end();
    graph_ = std::move(graph);
    return true;
  } catch (const std::exception& problem) {
    abandon(*graph, static_cast<c10::DeviceIndex>(device_));
    cudaGetLastError();  // clears the error that ended the recording
    if (dynamic_cast<const core::Interrupted*>(&problem) != nullptr) throw;  // the user asked to stop
    const std::string text = problem.what();
    core::log::warning(
        "a step of training or sampling cannot be recorded as a CUDA graph and is called op by op: " +
        text.substr(0, text.find('\n')));
    return false;
  }
}

void GraphRunner::run(const std::function<void()>& step) {
  const c10::cuda::CUDAGuard on_device(static_cast<c10::DeviceIndex>(device_));
  const auto current = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_));
  order(current, stream_);
  if (!eager_ && !graph_ && calls_ >= warm_up_calls) eager_ = !record(step);
  if (graph_) {
    const c10::cuda::CUDAStreamGuard on_side_stream(stream_);
    graph_->replay();
  } else {
    call(step);
    ++calls_;
  }
  order(stream_, current);
}

}  // namespace fluxsbi::engine::cuda
