// Steps of training and chunks of samples as CUDA graphs: recorded once, replayed with one launch.
#pragma once

#include <memory>
#include <optional>

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>

#include "engine/step_runner.hpp"

namespace fluxsbi::engine::cuda {

/// Calls the step a few times on a side stream (allocators and libraries set themselves up then), records it,
/// and replays the record from then on. If recording fails, one line goes to the log and the step is called
/// directly.
class GraphRunner : public StepRunner {
 public:
  explicit GraphRunner(int device);
  void run(const std::function<void()>& step) override;

 private:
  void call(const std::function<void()>& step);
  bool record(const std::function<void()>& step);

  int device_;
  c10::cuda::CUDAStream stream_;  ///< of the warm-up calls, the recording and the replays
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
  int calls_ = 0;
  bool eager_ = false;
};

}  // namespace fluxsbi::engine::cuda
