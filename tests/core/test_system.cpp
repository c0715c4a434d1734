#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <catch2/catch_test_macros.hpp>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"

using namespace fluxsbi::core;

TEST_CASE("the machine has threads, memory and a name", "[core][system]") {
  CHECK(usable_threads() >= 1);
  CHECK(available_memory() > 0);
  CHECK(resident_memory() > 0);
  CHECK(cpu_description().find("threads") != std::string::npos);
}

TEST_CASE("OMP_NUM_THREADS sets the threads, nonsense in it does not", "[core][system]") {
  const char* before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before ? before : "";
  setenv("OMP_NUM_THREADS", "5", 1);
  CHECK(usable_threads() == 5);
  setenv("OMP_NUM_THREADS", "many", 1);
  CHECK(usable_threads() >= 1);
  unsetenv("OMP_NUM_THREADS");
  if (before) setenv("OMP_NUM_THREADS", kept.c_str(), 1);
}

TEST_CASE("time goes forward", "[core][system]") {
  const double start = steady_seconds();
  CHECK(steady_seconds() >= start);
}

TEST_CASE("a signal to stop is seen and named", "[core][stop]") {
  CHECK(stop_requested() == 0);
  watch_stop_signals();
  raise(SIGUSR1);
  CHECK(stop_requested() == SIGUSR1);
  CHECK(std::string(signal_name(SIGUSR1)) == "SIGUSR1");
  CHECK(std::string(signal_name(SIGTERM)) == "SIGTERM");
  CHECK(std::string(signal_name(SIGINT)) == "SIGINT");
}

TEST_CASE("the log's file gets lines from info up, with their kind", "[core][log]") {
  const auto path = std::filesystem::temp_directory_path() / ("fluxsbi-log-" + std::to_string(getpid()));
  log::set_level(log::Level::error);  // the console stays quiet
  log::info("before there was a file");
  log::tee(path.string());
  log::debug("a detail");
  log::info("a line");
  log::warning("a remark");
  log::tee("");
  log::info("after the file was closed");
  log::set_level(log::Level::info);
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  CHECK(text.find("before there was a file\n") < text.find("a line\n"));
  CHECK(text.find("a line\n") != std::string::npos);
  CHECK(text.find("warning: a remark\n") != std::string::npos);
  CHECK(text.find("a detail") == std::string::npos);
  CHECK(text.find("after") == std::string::npos);
}

TEST_CASE("a log file that cannot be opened is the user's error", "[core][log]") {
  CHECK_THROWS_AS(log::tee("/dev/null/all.log"), UserError);
}
