#include <cstdlib>
#include <cstring>

#include "cuda_kernels/memory.hpp"
#include "engine/cuda/kernels/emulation.hpp"

namespace fluxsbi::test::memory {

namespace emulation = engine::cuda::kernels::emulation;

std::shared_ptr<void> allocate(size_t bytes) {
  return {std::malloc(bytes), std::free};
}

void upload(void* to, const void* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

void download(void* to, const void* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

std::shared_ptr<void> watch(const std::string& name, const void* begin, size_t bytes, bool writable) {
  return std::make_shared<emulation::Watched>(name, begin, bytes, writable);
}

std::vector<std::string> take_faults() {
  return emulation::take_journal().faults;
}

Cost measure(const std::function<void()>& start) {
  emulation::take_journal();
  start();
  const emulation::Journal journal = emulation::take_journal();
  int64_t asked = 0, distinct = 0;
  for (const emulation::Launch& launch : journal.launches)
    asked += launch.asked_bytes, distinct += launch.distinct_bytes;
  const emulation::Launch& first = journal.launches.at(0);
  return "\"launches\": " + std::to_string(journal.launches.size()) +
         ", \"blocks\": " + std::to_string(first.blocks) + ", \"threads\": " + std::to_string(first.threads) +
         ", \"shared_bytes\": " + std::to_string(first.shared_bytes) +
         ", \"asked_bytes\": " + std::to_string(asked) + ", \"distinct_bytes\": " + std::to_string(distinct);
}

}  // namespace fluxsbi::test::memory
