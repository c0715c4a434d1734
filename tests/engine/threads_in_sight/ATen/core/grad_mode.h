// Stands in for LibTorch's header (ATen/Parallel.h beside it says why).
#pragma once

namespace at {

struct GradMode {
  static bool is_enabled() { return enabled(); }
  static bool& enabled() {
    static thread_local bool is = true;
    return is;
  }
};

struct NoGradGuard {
  NoGradGuard() { GradMode::enabled() = false; }
  ~NoGradGuard() { GradMode::enabled() = before; }
  bool before = GradMode::is_enabled();
};

}  // namespace at
