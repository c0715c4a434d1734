#include <cerrno>
#include <csignal>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include "core/process.hpp"
#include "core/system.hpp"
#include "support/temporary_folder.hpp"

using namespace fluxsbi;
using core::Process;

namespace {

core::CommandResult run_shell(const std::string& script, std::string_view input = {},
                              double timeout_seconds = 0) {
  return core::run({.arguments = {"/bin/sh", "-c", script},
                    .input = input,
                    .environment = {"NAME=value"},
                    .timeout_seconds = timeout_seconds});
}

}  // namespace

TEST_CASE("a command gets its input and gives status, output and the end of its errors", "[core][process]") {
  const std::string input(300000, 'a');  // more than a pipe holds
  const auto echo = run_shell("cat; echo $NAME >&2; exit 5", input);
  CHECK(echo.status == 5);
  CHECK(echo.output == input);
  CHECK(echo.error_tail == "value\n");
  CHECK(run_shell("kill -9 $$").status == 128 + 9);
  CHECK(run_shell("yes | head -c 100000 >&2").error_tail.size() == 2000);
}

TEST_CASE("a command's variables stand beside this program's and go before them", "[core][process]") {
  setenv("NAME", "mine", 1);
  setenv("OTHER", "kept", 1);
  const auto result = run_shell("echo $NAME $OTHER");
  unsetenv("NAME");
  unsetenv("OTHER");
  CHECK(result.output == "value kept\n");
}

TEST_CASE("a program is looked for in PATH, and one that is not there is told apart", "[core][process]") {
  CHECK(core::run({.arguments = {"echo", "a b", "c"}, .environment = {}}).output == "a b c\n");
  try {
    core::run({.arguments = {"no_such_program"}, .environment = {}});
    FAIL("nothing was started");
  } catch (const std::system_error& problem) {
    CHECK(problem.code().value() == ENOENT);
  }
}

TEST_CASE("a command that is ended goes with its children", "[core][process]") {
  const test::TemporaryFolder folder;
  constexpr double much_less_than_the_sleep = 100;
  const double began = core::steady_seconds();
  const std::string pid_file = folder.file("pid");
  const auto result = run_shell("sleep 300 & echo $! > " + pid_file + "; wait", {}, 0.5);
  CHECK(result.timed_out);
  CHECK(result.status == 128 + SIGTERM);
  std::string pid;
  std::ifstream(pid_file) >> pid;
  const auto alive = [&] {  // a zombie has ended; whoever adopted it has not looked yet
    std::ifstream status("/proc/" + pid + "/stat");
    std::string number, name, state;
    return static_cast<bool>(status >> number >> name >> state) && state != "Z";
  };
  while (alive() && core::steady_seconds() - began < much_less_than_the_sleep) usleep(5000);
  CHECK(core::steady_seconds() - began < much_less_than_the_sleep);
}

TEST_CASE("a command that writes more than it may is ended, and its output is not kept", "[core][process]") {
  for (const char* text : {"yes", "head -c 300000 /dev/zero"}) {
    const auto result = core::run(
        {.arguments = {"sh", "-c", text}, .environment = {}, .timeout_seconds = 100, .most_output = 200000});
    CHECK(result.too_long);
    CHECK(result.output.empty());
    CHECK_FALSE(result.timed_out);
  }
}

TEST_CASE("a command ends when its caller is asked to stop", "[core][process]") {
  int asked = 0;
  const auto result = core::run(
      {.arguments = {"sleep", "300"}, .environment = {}, .stop = [&] { return ++asked > 3 ? SIGINT : 0; }});
  CHECK(result.stopped);
  CHECK_FALSE(result.timed_out);
  CHECK(result.status == 128 + SIGTERM);
}

TEST_CASE("one that ignores SIGTERM is killed after a moment", "[core][process]") {
  const double began = core::steady_seconds();
  const auto result = run_shell("trap '' TERM; while :; do sleep 0.05; done", {}, 0.3);
  CHECK(result.timed_out);
  CHECK(result.status == 128 + SIGKILL);
  CHECK(core::steady_seconds() - began > 2);
}

TEST_CASE("work in a child ends with its status and changes nothing here", "[core][process]") {
  int number = 1;
  CHECK(Process::start_work([&] { number = 2; }).wait() == 0);
  CHECK(number == 1);
  CHECK(Process::start_work([] { throw std::runtime_error("lost"); }).wait() == 1);
  CHECK(Process::start_work([] { raise(SIGKILL); }).wait() == 128 + SIGKILL);
}

TEST_CASE("a child does not outlive its object and is reaped once", "[core][process]") {
  const double began = core::steady_seconds();
  {
    Process child = Process::start_work([] { sleep(300); });
    CHECK_FALSE(child.has_ended());
  }
  CHECK(core::steady_seconds() - began < 100);
  Process killed = Process::start_work([] { sleep(300); });
  killed.kill();
  CHECK(killed.wait() == 128 + SIGKILL);
  CHECK(killed.has_ended());
  CHECK(killed.wait() == 128 + SIGKILL);  // known, though long reaped
}
