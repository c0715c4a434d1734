// Stands in for LibTorch's header where the thread sanitizer watches: it does not see how OpenMP's threads
// wait for each other, and reports races that are none. These threads it sees.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace at {

inline int thread_count = 1;
inline thread_local int thread_number = 0;

inline int get_num_threads() {
  return thread_count;
}
inline void set_num_threads(int count) {
  thread_count = count;
}
inline int get_thread_num() {
  return thread_number;
}

/// f(begin, end) for pieces of at least `grain`, one a thread; the first exception is thrown again in the
/// end.
template <class F>
void parallel_for(int64_t begin, int64_t end, int64_t grain, const F& f) {
  const int64_t count = std::clamp<int64_t>((end - begin) / std::max<int64_t>(grain, 1), 1, thread_count);
  const int64_t size = (end - begin + count - 1) / count;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr problem;
  const auto work = [&](int number) {
    thread_number = number;
    const int64_t first = begin + number * size;
    try {
      if (first < end) f(first, std::min(end, first + size));
    } catch (...) {
      if (!failed.test_and_set()) problem = std::current_exception();
    }
    thread_number = 0;
  };
  {
    std::vector<std::jthread> others;
    for (int number = 1; number < count; ++number) others.emplace_back(work, number);
    work(0);
  }
  if (problem) std::rethrow_exception(problem);
}

}  // namespace at
