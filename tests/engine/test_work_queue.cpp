// Pieces of work for LibTorch's threads: all of them, once each, and errors that reach the caller.
#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include <ATen/core/grad_mode.h>

#include "engine/work_queue.hpp"
#include "support/catch.hpp"
#include "support/threads.hpp"

namespace {

using namespace fluxsbi;
using test::Threads;

TEST_CASE("parts cover the rows in order, and their sizes differ by one at most", "[engine][work_queue]") {
  for (const int64_t rows : {0, 1, 7, 100, 1001}) {
    for (const int64_t count : {1, 2, 3, 7}) {
      CAPTURE(rows, count);
      const auto parts = engine::divide(rows, count);
      REQUIRE(parts.size() == static_cast<size_t>(count));
      int64_t next = 0, least = rows, most = 0;
      for (const engine::Part& part : parts) {
        CHECK(part.first == next);
        next += part.count;
        least = std::min(least, part.count), most = std::max(most, part.count);
      }
      CHECK(next == rows);
      CHECK(most - least <= 1);
    }
  }
}

TEST_CASE("each thread has a part, unless a part would have fewer than 32 rows", "[engine][work_queue]") {
  const Threads threads(4);
  for (const auto& [rows, parts] :
       {std::pair(1, 1), {31, 1}, {63, 1}, {64, 2}, {127, 3}, {128, 4}, {10000, 4}}) {
    CAPTURE(rows);
    CHECK(engine::part_per_thread(rows).size() == static_cast<size_t>(parts));
  }
}

TEST_CASE("every piece is done once, by a thread that there is, without recording gradients",
          "[engine][work_queue]") {
  const Threads threads(3);
  for (const int64_t count : {0, 1, 2, 500}) {
    std::vector<std::atomic<int>> done(static_cast<size_t>(count));
    std::atomic<bool> wrong{false};
    engine::share_out(count, [&](int64_t i, int64_t thread) {
      ++done[static_cast<size_t>(i)];
      if (thread < 0 || thread >= 3 || at::GradMode::is_enabled()) wrong = true;
    });
    CHECK(std::all_of(done.begin(), done.end(), [](const auto& times) { return times == 1; }));
    CHECK_FALSE(wrong);
  }
}

TEST_CASE("an error in a piece of work reaches the caller, and the threads go on to serve",
          "[engine][work_queue]") {
  const Threads threads(3);
  for (const int64_t bad : {0, 57, 199}) {
    CHECK_THROWS_WITH(engine::share_out(200,
                                        [&](int64_t i, int64_t) {
                                          if (i == bad)
                                            throw std::runtime_error("piece " + std::to_string(i));
                                        }),
                      "piece " + std::to_string(bad));
    CHECK(at::GradMode::is_enabled());
    std::atomic<int64_t> sum{0};
    engine::share_out(200, [&](int64_t i, int64_t) { sum += i; });
    CHECK(sum == 199 * 200 / 2);
  }
}

}  // namespace
