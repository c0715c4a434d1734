#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <sched.h>
#include <unistd.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"

using namespace fluxsbi::core;

namespace {

// OMP_NUM_THREADS for the length of a test; nullptr: not set.
class OmpThreads {
 public:
  explicit OmpThreads(const char* value) {
    if (const char* before = std::getenv("OMP_NUM_THREADS")) before_ = before, had_ = true;
    value ? setenv("OMP_NUM_THREADS", value, 1) : unsetenv("OMP_NUM_THREADS");
  }
  ~OmpThreads() { had_ ? setenv("OMP_NUM_THREADS", before_.c_str(), 1) : unsetenv("OMP_NUM_THREADS"); }

 private:
  std::string before_;
  bool had_ = false;
};

// This process on its first usable core alone, for the length of a test.
class OneCore {
 public:
  OneCore() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    int first = 0;
    while (!CPU_ISSET(first, &before_)) ++first;
    CPU_SET(first, &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OneCore() { sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_;
};

// Bytes that a line of a file of /proc gives in kB.
uint64_t kilobytes_of(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    if (words >> name >> kilobytes && name == key) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

TEST_CASE("memory is the machine's and grows with what the process takes", "[core][system][serial]") {
  const uint64_t total = kilobytes_of("/proc/meminfo", "MemTotal:");
  CHECK(available_memory() < total);
  CHECK(available_memory() > total / 1000);
  constexpr size_t size = 64 << 20, slack = 4 << 20;
  const uint64_t before = resident_memory();
  const std::vector<char> taken(size, 1);
  const uint64_t with = resident_memory();
  CHECK(with > before + size - slack);
  CHECK(with < before + size + slack);
  CHECK(taken.back() == 1);
}

TEST_CASE("the processor is described by its name and its usable threads", "[core][system]") {
  const OmpThreads threads("7");
  const std::string text = cpu_description();
  CHECK(text.find(", 7 threads") != std::string::npos);
  CHECK(text.find(", 7 threads") > 0);  // a name stands before
}

TEST_CASE("usable threads are OMP_NUM_THREADS, else the cores that the process may use", "[core][system]") {
  int cores = 0;
  {
    const OmpThreads none(nullptr);
    cores = usable_threads();
    cpu_set_t set;
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    CHECK(cores <= CPU_COUNT(&set));  // a cgroup's quota may take some away
    const OneCore alone;
    CHECK(usable_threads() == 1);
  }
  for (const char* nonsense : {"many", "", "0", "-3"}) {
    CAPTURE(nonsense);
    const OmpThreads threads(nonsense);
    CHECK(usable_threads() == cores);
  }
  const OmpThreads five("5");
  CHECK(usable_threads() == 5);
}

TEST_CASE("the clock counts seconds", "[core][system][serial]") {
  const double start = steady_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const double passed = steady_seconds() - start;
  CHECK(passed >= 0.05);
  CHECK(passed < 5);  // however busy the machine is
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
