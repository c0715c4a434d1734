#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>

#include <catch2/catch_test_macros.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "core/stop.hpp"

using namespace fluxsbi::core;

namespace {

struct Ended {
  int code = -1;
  std::string said;
};

// What a process that watches for signals does in `work`; 0 where that returns.
Ended in_child(const std::function<void()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    watch_stop_signals();
    work();
    _exit(0);
  }
  close(ends[1]);
  Ended ended;
  char letter = 0;
  while (read(ends[0], &letter, 1) == 1) ended.said += letter;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

void pause_between() {
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
}

}  // namespace

TEST_CASE("a second signal ends the program at once, and says where the work goes on", "[core][stop]") {
  for (const int second : {SIGTERM, SIGINT, SIGUSR1}) {
    const Ended nothing_kept = in_child([&] {
      raise(SIGTERM);
      pause_between();
      raise(second);
    });
    CHECK(nothing_kept.code == 128 + second);
    CHECK(nothing_kept.said.empty());
  }
  const Ended kept = in_child([] {
    set_last_words("x.partial keeps it");
    raise(SIGTERM);
    pause_between();
    raise(SIGTERM);
  });
  CHECK(kept.code == 75);
  CHECK(kept.said == "x.partial keeps it\n");
}

TEST_CASE("one stop that reaches a process twice counts once", "[core][stop]") {
  const Ended ended = in_child([] {
    raise(SIGTERM);
    raise(SIGTERM);
    if (stop_requested() != SIGTERM) _exit(9);
  });
  CHECK(ended.code == 0);
}

TEST_CASE("last words can be taken back and are cut to what a handler can print", "[core][stop]") {
  set_last_words(std::string(2000, 'a'));
  CHECK(last_words() == std::string(511, 'a'));
  set_last_words("");
  CHECK(last_words().empty());
}

TEST_CASE("points of interruption throw within a scope alone, and scopes nest", "[core][stop]") {
  CHECK_NOTHROW(interruption_point());
  const InterruptScope outer([] { return SIGTERM; });
  try {
    interruption_point();
    FAIL("nothing was thrown");
  } catch (const Interrupted& interrupted) {
    CHECK(interrupted.signal() == SIGTERM);
  }
  {
    const InterruptScope inner([] { return 0; });
    CHECK_NOTHROW(interruption_point());
  }
  CHECK_THROWS_AS(interruption_point(), Interrupted);
}
