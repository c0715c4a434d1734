#include <algorithm>
#include <stdexcept>

#include <cuda_runtime_api.h>

#include "cuda_kernels/memory.hpp"

namespace fluxsbi::test::memory {

namespace {

void check(cudaError_t result, const char* what) {
  if (result != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(result));
}

}  // namespace

std::shared_ptr<void> allocate(size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), "cudaMalloc");
  return {memory, [](void* own) { cudaFree(own); }};
}

void upload(void* to, const void* from, size_t bytes) {
  check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "copy to the device");
}

void download(void* to, const void* from, size_t bytes) {
  check(cudaDeviceSynchronize(), "the kernels");
  check(cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToHost), "copy from the device");
}

std::shared_ptr<void> watch(const std::string&, const void*, size_t, bool) {
  return nullptr;
}

std::vector<std::string> take_faults() {
  const cudaError_t last = cudaDeviceSynchronize();
  if (last == cudaSuccess) return {};
  return {std::string("the device says: ") + cudaGetErrorString(last)};
}

// The median of many rounds, each of many launches that follow each other.
Cost measure(const std::function<void()>& start) {
  constexpr int rounds = 21, launches = 50;
  cudaEvent_t before = nullptr, after = nullptr;
  check(cudaEventCreate(&before), "event");
  check(cudaEventCreate(&after), "event");
  for (int i = 0; i < launches; ++i) start();
  std::vector<float> milliseconds;
  for (int round = 0; round < rounds; ++round) {
    check(cudaEventRecord(before, nullptr), "event");
    for (int i = 0; i < launches; ++i) start();
    check(cudaEventRecord(after, nullptr), "event");
    check(cudaEventSynchronize(after), "the kernels");
    milliseconds.push_back(0);
    check(cudaEventElapsedTime(&milliseconds.back(), before, after), "event");
  }
  cudaEventDestroy(before);
  cudaEventDestroy(after);
  std::nth_element(milliseconds.begin(), milliseconds.begin() + rounds / 2, milliseconds.end());
  return "\"microseconds\": " + std::to_string(milliseconds[rounds / 2] * 1000 / launches);
}

}  // namespace fluxsbi::test::memory
