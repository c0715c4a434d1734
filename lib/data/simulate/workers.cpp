#include "data/simulate/workers.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/system.hpp"

namespace fluxsbi::data {

void for_each_batch(int64_t batches, int workers, const std::function<void(int64_t batch)>& work) {
  std::atomic<int64_t> next{0};
  std::mutex guard;
  std::exception_ptr first_error;
  const auto take_batches = [&] {
    try {
      for (int64_t batch = next++; batch < batches; batch = next++) work(batch);
    } catch (...) {
      next = batches;
      const std::scoped_lock lock(guard);
      if (!first_error) first_error = std::current_exception();
    }
  };
  const int wanted = workers > 0 ? workers : core::usable_threads();
  const auto threads = std::min<int64_t>(wanted, batches);
  std::vector<std::jthread> others;
  for (int64_t i = 1; i < threads; ++i) others.emplace_back(take_batches);
  take_batches();
  others.clear();  // joins
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace fluxsbi::data
