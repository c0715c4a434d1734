// What the machine offers: threads, memory, instruction sets.
#pragma once

#include <cstdint>
#include <string>

namespace fluxsbi::core {

/// Threads that this process may use: OMP_NUM_THREADS if set, else the cores of its affinity mask, limited to
/// its cgroup's CPU quota (rounded up); at least 1.
int usable_threads();

/// Bytes of memory that this process may still take: what the machine has available, limited to its cgroup's
/// limit and by ulimit -v.
uint64_t available_memory();

/// Bytes of memory that this process has resident now.
uint64_t resident_memory();

/// "AMD EPYC ..., 2 threads, AVX2 AVX-512"
std::string cpu_description();

/// True where the processor multiplies bfloat16 numbers itself (AVX512-BF16 or AMX).
bool cpu_has_bfloat16();

/// Seconds of a steady clock.
double steady_seconds();

}  // namespace fluxsbi::core
