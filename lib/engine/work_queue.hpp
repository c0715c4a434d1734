// Pieces of work for the CPU's threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "core/stop.hpp"

namespace fluxsbi::engine {

/// Rows [first, first + count) of a batch.
struct Part {
  int64_t first = 0, count = 0;
};
/// `count` parts whose sizes differ by one at most.
std::vector<Part> divide(int64_t rows, int64_t count);
/// One part for each of LibTorch's threads, fewer where a part would have so few rows (below 32) that its
/// arithmetic no longer outweighs the calls that each part repeats.
std::vector<Part> part_per_thread(int64_t rows);

/// body(i, thread) for each i in [0, count), without recording gradients; thread < at::get_num_threads(). A
/// thread takes the next piece when it has finished one, so a thread that the machine delays delays only one
/// piece. The call waits once, at the end. Each piece begins with an interruption_point().
template <class Body>
void share_out(int64_t count, const Body& body) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
    const at::NoGradGuard no_grad;  // a state of each thread
    const int64_t thread = at::get_thread_num();
    for (int64_t i = next++; i < count; i = next++) {
      core::interruption_point();
      body(i, thread);
    }
  });
}

}  // namespace fluxsbi::engine
