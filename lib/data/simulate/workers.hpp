// Threads for independent batches of work.
#pragma once

#include <cstdint>
#include <functional>

namespace fluxsbi::data {

/// Calls work(batch) for batch = 0 .. batches-1 on `workers` threads (0: one for each usable thread), begun
/// in that order. After an exception no further batch begins; the first one is thrown again when all have
/// ended.
void for_each_batch(int64_t batches, int workers, const std::function<void(int64_t batch)>& work);

}  // namespace fluxsbi::data
