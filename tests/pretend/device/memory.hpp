// The pretend device's memory: addresses that the host may not touch, and what lies behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <c10/core/Allocator.h>

namespace fluxsbi::pretend::memory {

/// Where the bytes behind a device address lie; null for null. Throws c10::Error for an address that is not
/// the device's.
void* host_address(const void* device_address);

/// c10's allocator of PrivateUse1.
c10::Allocator* allocator();

/// The allocator of host memory from which a device copies by itself, and whether a host address is of it.
c10::Allocator* pinned_allocator();
bool is_pinned(const void* host_address);

/// What a pool's blocks served while it was open is kept by it, as a CUDA graph keeps its private pool.
struct Pool;
std::shared_ptr<Pool> open_pool();
void close_pool();

/// Sizes of the requests since start(), and by how many bytes the memory in use has grown.
void start_trace();
struct Trace {
  std::vector<size_t> sizes;
  int64_t grown = 0;
};
Trace end_trace();
int64_t traced_growth();  ///< so far

/// Tells an allocation from another at the same address, a block's first: 0 where nothing is allocated, and
/// for what belongs to a pool.
uint64_t generation(const void* device_address);

}  // namespace fluxsbi::pretend::memory
