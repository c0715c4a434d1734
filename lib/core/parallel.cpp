#include "core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/system.hpp"

namespace fluxsbi::core {

void for_each_in_parallel(int64_t count, int threads, const std::function<void(int64_t piece)>& work) {
  std::atomic<int64_t> next{0};
  std::mutex guard;
  std::exception_ptr first_error;
  const auto take_pieces = [&] {
    try {
      for (int64_t piece = next++; piece < count; piece = next++) work(piece);
    } catch (...) {
      next = count;
      const std::scoped_lock lock(guard);
      if (!first_error) first_error = std::current_exception();
    }
  };
  {
    const auto wanted = std::min<int64_t>(threads > 0 ? threads : usable_threads(), count);
    std::vector<std::jthread> others;
    try {
      for (int64_t i = 1; i < wanted; ++i) others.emplace_back(take_pieces);
    } catch (const std::system_error&) {
      // The system gives no more threads. Those that run, and this one, do the work of all.
    }
    take_pieces();
  }  // joins
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace fluxsbi::core
