// Functions that take turns on one thread, each on a stack of its own: the threads of an emulated block.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <ucontext.h>

namespace fluxsbi::engine::cuda::kernels::emulation {

class Fibers {
 public:
  /// Readies `count` fibers that will run `body`. One that stands in the midst of an earlier body begins
  /// anew: what lies on its stack is not destroyed.
  void prepare(int count, const std::function<void()>* body);
  /// Runs fiber i until it pauses or its body ends.
  void resume(int i);
  /// Called by the running fiber: resume() returns. Comes back with the next resume of this fiber.
  void pause();

  int running() const { return running_; }
  bool ended(int i) const { return fibers_[static_cast<size_t>(i)].ended; }

 private:
  struct Fiber {
    ucontext_t context;
    std::jmp_buf place;
    std::unique_ptr<char[]> stack;
    bool begun = false, ended = false;
  };

  static void enter();
  void leave(bool ended);

  std::vector<Fiber> fibers_;
  const std::function<void()>* body_ = nullptr;
  int running_ = 0;
  ucontext_t caller_;
  std::jmp_buf caller_place_;
  // The address sanitizer's knowledge of the caller's stack.
  void* caller_fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  size_t caller_stack_bytes_ = 0;
};

}  // namespace fluxsbi::engine::cuda::kernels::emulation
