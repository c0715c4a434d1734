// The memory that kernels compute on: the host's under emulation (memory_emulated.cpp), a GPU's elsewhere
// (memory_cuda.cpp). A program links one of them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fluxsbi::test::memory {

std::shared_ptr<void> allocate(size_t bytes);
void upload(void* to, const void* from, size_t bytes);
/// Waits for the kernels that were started before.
void download(void* to, const void* from, size_t bytes);

/// Lets the emulation refuse every access outside of what is watched. A GPU has compute-sanitizer for that.
std::shared_ptr<void> watch(const std::string& name, const void* begin, size_t bytes, bool writable);

/// What the emulation, or the driver, has found wrong since the last call.
std::vector<std::string> take_faults();

/// What the kernels that `start` starts cost, as members of a JSON object: "microseconds" on a GPU; under
/// emulation "launches", "blocks", "threads", "shared_bytes" of the first, "asked_bytes" and
/// "distinct_bytes".
using Cost = std::string;
Cost measure(const std::function<void()>& start);

}  // namespace fluxsbi::test::memory
