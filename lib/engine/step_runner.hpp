// How a training step is run repeatedly.
#pragma once

#include <functional>
#include <memory>

namespace fluxsbi::engine {

/// Runs a step that does the same operations on the same tensors every time: all that changes between two
/// runs lies in tensors that the caller fills before run(). The step does not wait for the device and keeps
/// nothing on the host. So a runner may call it (CPU), or record it once as a CUDA graph and replay that.
class StepRunner {
 public:
  virtual ~StepRunner() = default;
  virtual void run(const std::function<void()>& step) = 0;
};

/// Calls the step.
std::unique_ptr<StepRunner> make_direct_runner();

}  // namespace fluxsbi::engine
