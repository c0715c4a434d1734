#include <csignal>
#include <filesystem>

#include <catch2/catch_test_macros.hpp>

#include "benchmark/child.hpp"
#include "core/system.hpp"
#include "support/temporary_folder.hpp"

namespace fluxsbi::benchmark {
namespace {

namespace fs = std::filesystem;

Step shell(const std::string& script, const std::string& output, bool captured = false) {
  return {"step", {"/bin/sh", "-c", script}, output, captured};
}

TEST_CASE("a step is done once its output stands, which captured output does only when whole",
          "[benchmark][child]") {
  const test::TemporaryFolder folder;
  const StepRun how{folder.file("log.txt")};
  const Step written = shell("echo made > " + folder.file("a"), folder.file("a"));
  REQUIRE_FALSE(is_done(written));
  REQUIRE(run_step(written, how).problem.empty());
  REQUIRE(is_done(written));

  const Step printed = shell("echo text; echo said >&2", folder.file("b"), true);
  REQUIRE(run_step(printed, how).problem.empty());
  REQUIRE(test::read_file(folder.file("b")) == "text\n");
  REQUIRE(test::read_file(folder.file("log.txt")).find("said") != std::string::npos);

  const Step broken =
      shell("echo half; echo 'error: no luck' >&2; echo more >&2; exit 3", folder.file("c"), true);
  const StepEnd end = run_step(broken, how);
  REQUIRE(end.status == 3);
  REQUIRE(end.problem == "no luck");
  REQUIRE_FALSE(fs::exists(folder.file("c")));
  REQUIRE(run_step(shell("true", folder.file("d")), how).problem == "ended with exit code 0");
}

TEST_CASE("exit codes that are good, the command that goes on, and threads are as asked for",
          "[benchmark][child]") {
  const test::TemporaryFolder folder;
  Step step = shell("echo verdict; exit 2", folder.file("a"), true);
  step.good = {0, 2};
  REQUIRE(run_step(step, {folder.file("log")}).problem.empty());
  Step training = shell("exit 1", folder.file("model"));
  training.begun = folder.file("begun");
  training.go_on = {"/bin/sh", "-c", "echo $OMP_NUM_THREADS > " + folder.file("model")};
  REQUIRE_FALSE(run_step(training, {folder.file("log")}).problem.empty());
  test::write_file(training.begun, "");
  REQUIRE(run_step(training, {folder.file("log"), -1, 3}).problem.empty());
  REQUIRE(test::read_file(training.output) == "3\n");
  REQUIRE(command_line(training).starts_with("/bin/sh -c 'echo"));
}

TEST_CASE("a stop ends the command and all that it started, and keeps no half output", "[benchmark][child]") {
  const test::TemporaryFolder folder;
  StepRun how{folder.file("log")};
  const double begin = core::steady_seconds();
  how.stop = [begin] { return core::steady_seconds() - begin > 0.2 ? SIGTERM : 0; };
  const StepEnd end = run_step(shell("sleep 60 & sleep 60", folder.file("a"), true), how);
  REQUIRE(end.stopped);
  REQUIRE(end.problem.empty());
  REQUIRE(core::steady_seconds() - begin < 30);
  REQUIRE_FALSE(fs::exists(folder.file("a")));
}

TEST_CASE("a program that is not there is told", "[benchmark][child]") {
  const test::TemporaryFolder folder;
  const Step step{"step", {"/nowhere/program"}, folder.file("a"), false};
  REQUIRE(run_step(step, {folder.file("log")}).problem == "/nowhere/program cannot be started");
}

}  // namespace
}  // namespace fluxsbi::benchmark
