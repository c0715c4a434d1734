// Batches that are read before they are asked for.
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "train/read_ahead.hpp"

using fluxsbi::train::ReadAhead;

namespace {

constexpr int64_t places = 3;

// Notes in each place which step it holds; reading the step `bad` fails.
struct Reader {
  std::vector<int64_t> held = std::vector<int64_t>(places, -1);
  std::atomic<int64_t> last{-1}, bad{-1};
  ReadAhead ahead{places, [this](int64_t step, int64_t place) {
                    if (step == bad) throw std::runtime_error("the disk is gone");
                    held[static_cast<size_t>(place)] = step;
                    last = step;
                  }};

  int64_t take(int64_t step) { return held[static_cast<size_t>(ahead.take(step))]; }
};

}  // namespace

TEST_CASE("steps come in order, and a place keeps its step until the next is taken", "[train][rows]") {
  Reader reader;
  for (int64_t step = 5; step < 500; ++step) {
    const int64_t place = reader.ahead.take(step);
    REQUIRE(reader.held[static_cast<size_t>(place)] == step);
    if (step % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the reader catches up
    REQUIRE(reader.held[static_cast<size_t>(place)] == step);
    REQUIRE(reader.last <= step + places - 1);
  }
}

TEST_CASE("reading begins anew at a step that does not follow", "[train][rows]") {
  Reader reader;
  for (const int64_t step : {0, 1, 2, 40, 41, 7, 8, 7}) CHECK(reader.take(step) == step);
}

TEST_CASE("a step that cannot be read throws when it is taken, and may be taken again", "[train][rows]") {
  Reader reader;
  reader.bad = 2;
  CHECK(reader.take(0) == 0);
  CHECK(reader.take(1) == 1);  // those before it are there
  CHECK_THROWS_AS(reader.take(2), std::runtime_error);
  CHECK_THROWS_AS(reader.take(2), std::runtime_error);
  reader.bad = -1;
  CHECK(reader.take(2) == 2);
  CHECK(reader.take(3) == 3);
}

TEST_CASE("an object that nobody takes from ends", "[train][rows]") {
  { const Reader reader; }
  Reader started;
  CHECK(started.take(9) == 9);
}
