// Threads for independent pieces of work.
#pragma once

#include <cstdint>
#include <functional>

namespace fluxsbi::core {

/// Calls work(0), ..., work(count - 1), begun in that order, on `threads` threads of which the caller's is
/// one (0: one for each usable thread). After an exception no further piece begins; the first exception is
/// thrown again when all threads have ended.
void for_each_in_parallel(int64_t count, int threads, const std::function<void(int64_t piece)>& work);

}  // namespace fluxsbi::core
