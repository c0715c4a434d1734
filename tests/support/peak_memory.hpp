// The most memory that this process had since a moment, as the kernel counts it.
#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include <malloc.h>

namespace fluxsbi::test {

/// Counts from its making. Linux alone resets the peak, through /proc/self/clear_refs.
class PeakMemory {
 public:
  PeakMemory() {
    mallopt(M_MMAP_THRESHOLD, 1 << 16);  // large pieces go back to the kernel when they are freed
    malloc_trim(0);                      // what earlier work gave back would hide the first allocations
    std::ofstream("/proc/self/clear_refs") << "5";
    before_ = line("VmRSS:");
    works_ = line("VmHWM:") < before_ + slack;
  }
  /// False where the kernel does not let the peak be reset.
  bool works() const { return works_; }
  /// Bytes of the peak above the memory in the beginning.
  double bytes() const { return static_cast<double>(line("VmHWM:") - before_); }

 private:
  static constexpr int64_t slack = 1 << 20;

  static int64_t line(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string text; std::getline(status, text);) {
      std::istringstream words(text);
      std::string name;
      int64_t kilobytes = 0;
      if (words >> name >> kilobytes && name == key) return kilobytes * 1024;
    }
    return 0;
  }

  int64_t before_ = 0;
  bool works_ = false;
};

}  // namespace fluxsbi::test
