#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "core/parallel.hpp"

using fluxsbi::core::for_each_in_parallel;

TEST_CASE("every piece of work is done once, whatever the threads", "[core][parallel]") {
  const int threads = GENERATE(0, 1, 3, 20);
  std::vector<std::atomic<int>> done(10);
  for_each_in_parallel(10, threads, [&](int64_t i) { ++done[static_cast<size_t>(i)]; });
  for (const auto& times : done) CHECK(times == 1);
  for_each_in_parallel(0, threads, [](int64_t) { FAIL("there is no piece"); });
}

TEST_CASE("pieces run side by side on as many threads as asked for", "[core][parallel]") {
  std::mutex guard;
  std::set<std::thread::id> seen;
  std::atomic<int> waiting{0};
  for_each_in_parallel(3, 3, [&](int64_t) {
    ++waiting;
    while (waiting < 3) std::this_thread::yield();  // comes to an end only if all three are here at once
    const std::scoped_lock lock(guard);
    seen.insert(std::this_thread::get_id());
  });
  CHECK(seen.size() == 3);
  CHECK(seen.count(std::this_thread::get_id()) == 1);
}

TEST_CASE("a worker's error reaches the caller, and no further piece begins", "[core][parallel]") {
  const int threads = GENERATE(1, 4);
  std::atomic<int> begun{0};
  const auto work = [&](int64_t i) {
    ++begun;
    if (i == 5) throw std::runtime_error("piece 5");
  };
  try {
    for_each_in_parallel(100000, threads, work);
    FAIL("the error was lost");
  } catch (const std::runtime_error& problem) {
    CHECK(std::string(problem.what()) == "piece 5");
  }
  CHECK(begun >= 6);
  CHECK(begun < 100000);
  if (threads == 1) CHECK(begun == 6);
}

TEST_CASE("of several errors one is thrown when all threads have ended", "[core][parallel]") {
  std::atomic<int> running{0};
  const auto work = [&](int64_t) {
    ++running;
    while (running < 4) std::this_thread::yield();
    throw std::out_of_range("all four");
  };
  CHECK_THROWS_AS(for_each_in_parallel(4, 4, work), std::out_of_range);
  CHECK(running == 4);
}
