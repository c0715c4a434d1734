#include "engine/cuda/kernels/fibers.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace fluxsbi::engine::cuda::kernels::emulation {

namespace {

constexpr size_t stack_bytes = 256 * 1024;

Fibers* entering = nullptr;  // whose fiber begins: makecontext passes no pointers

}  // namespace

void Fibers::prepare(int count, const std::function<void()>* body) {
  body_ = body;
  if (fibers_.size() < static_cast<size_t>(count)) fibers_.resize(static_cast<size_t>(count));
  for (Fiber& fiber : fibers_) {
    const bool waits_to_begin = fiber.ended || (fiber.stack && !fiber.begun);
    fiber.ended = false;
    if (waits_to_begin) continue;
    if (!fiber.stack) fiber.stack.reset(new char[stack_bytes]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, &Fibers::enter, 0);
    fiber.begun = false;
  }
}

#if defined(__SANITIZE_ADDRESS__)

// The sanitizer is told of every change of stacks.
void Fibers::enter() {
  Fibers& own = *entering;
  __sanitizer_finish_switch_fiber(nullptr, &own.caller_stack_, &own.caller_stack_bytes_);
  for (;;) {
    (*own.body_)();
    own.leave(/*ended=*/true);
  }
}

void Fibers::resume(int i) {
  entering = this;
  running_ = i;
  Fiber& fiber = fibers_[static_cast<size_t>(i)];
  fiber.begun = true;
  __sanitizer_start_switch_fiber(&caller_fake_stack_, fiber.stack.get(), stack_bytes);
  swapcontext(&caller_, &fiber.context);
  __sanitizer_finish_switch_fiber(caller_fake_stack_, nullptr, nullptr);
}

void Fibers::leave(bool ended) {
  Fiber& fiber = fibers_[static_cast<size_t>(running_)];
  fiber.ended = ended;
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, caller_stack_, caller_stack_bytes_);
  swapcontext(&fiber.context, &caller_);
  __sanitizer_finish_switch_fiber(fake_stack, &caller_stack_, &caller_stack_bytes_);
}

#else

// A fiber begins by setcontext. From then on jumps change stacks, because swapcontext makes system calls,
// which would take most of an emulation's time.
void Fibers::enter() {
  Fibers& own = *entering;
  for (;;) {
    (*own.body_)();
    own.leave(/*ended=*/true);
  }
}

void Fibers::resume(int i) {
  entering = this;
  running_ = i;
  Fiber& fiber = fibers_[static_cast<size_t>(i)];
  if (_setjmp(caller_place_) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  setcontext(&fiber.context);
}

void Fibers::leave(bool ended) {
  Fiber& fiber = fibers_[static_cast<size_t>(running_)];
  fiber.ended = ended;
  if (_setjmp(fiber.place) == 0) _longjmp(caller_place_, 1);
}

#endif

void Fibers::pause() {
  leave(/*ended=*/false);
}

}  // namespace fluxsbi::engine::cuda::kernels::emulation
