#include "core/system.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/text.hpp"
#include "core/thread_limit.hpp"

namespace fluxsbi::core {

namespace {

// Cores that the cgroup's quota allows (version 2: cpu.max, version 1: cpu.cfs_*), or infinity.
double cgroup_cores() {
  double quota = -1, period = -1;
  std::string word;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> word >> period && word != "max")
    quota = std::atof(word.c_str());
  if (std::ifstream file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); quota < 0 && file >> quota) {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : std::numeric_limits<double>::infinity();
}

uint64_t read_number(const char* path, uint64_t otherwise) {
  uint64_t value = 0;
  std::ifstream file(path);
  return file >> value ? value : otherwise;
}

// Of the cgroup's memory, what holds files and is given back when it is needed.
uint64_t cgroup_file_cache() {
  uint64_t bytes = 0;
  for (const char* path : {"/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"}) {
    std::ifstream file(path);
    std::string key;
    for (uint64_t value = 0; file >> key >> value;) {
      if (key == "active_file" || key == "inactive_file") bytes += value;
    }
    if (bytes > 0) break;
  }
  return bytes;
}

// What ulimit -v leaves.
uint64_t address_space_left() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<uint64_t>::max();
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const uint64_t taken = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;
}

std::atomic<int> thread_limit = std::numeric_limits<int>::max();

}  // namespace

void limit_threads(int most) {
  thread_limit = std::max(1, most);
}

int usable_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const int wanted = std::atoi(text);
    if (wanted > 0) return wanted;
  }
  cpu_set_t set;
  int cores = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  const double usable = std::min<double>(cores, std::ceil(cgroup_cores()));
  return std::max(1, std::min(static_cast<int>(usable), thread_limit.load()));
}

uint64_t available_memory() {
  uint64_t available = 0;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    std::istringstream words(line);
    std::string key;
    uint64_t kilobytes = 0;
    if (words >> key >> kilobytes && key == "MemAvailable:") available = kilobytes * 1024;
  }
  constexpr uint64_t none = std::numeric_limits<uint64_t>::max();
  if (available == 0) available = none;  // no /proc
  const uint64_t limit = std::min(read_number("/sys/fs/cgroup/memory.max", none),
                                  read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", none));
  uint64_t used = std::max(read_number("/sys/fs/cgroup/memory.current", 0),
                           read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", 0));
  used -= std::min(used, cgroup_file_cache());
  if (limit != none) available = std::min(available, limit > used ? limit - used : 0);
  return std::min(available, address_space_left());
}

uint64_t resident_memory() {
  uint64_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::string cpu_description() {
  std::string model = "unknown processor";
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("model name", 0) == 0) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  model += ", " + count_text(usable_threads(), "thread");
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) model += ", AVX2";
  if (__builtin_cpu_supports("avx512f")) model += ", AVX-512";
#endif
  if (cpu_has_bfloat16()) model += ", bfloat16";
  return model;
}

bool cpu_has_bfloat16() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    return line.find(" avx512_bf16") != std::string::npos || line.find(" amx_bf16") != std::string::npos;
  }
  return false;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace fluxsbi::core
