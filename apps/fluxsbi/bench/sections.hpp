// The measurements of `bench`, one function a section.
#pragma once

#include <cstdint>

#include <c10/core/Device.h>

#include "bench/figures.hpp"
#include "bench/workload.hpp"

namespace fluxsbi::app::bench {

struct Settings {
  Workload workload;
  at::Device device{at::kCPU};
  int64_t batch = 256;
  double seconds = 10;  ///< of each comparison
  int64_t steps = 500;  ///< of the memory check
};

/// Training steps a second: the plain path, and the engine on flat buffers with the fused optimiser, its
/// small operations plain and fused. Beside them the steps a second that the matrix products alone would
/// allow at the rate at which the library multiplies these very shapes here, and the share of it that is
/// reached.
Section training(const Settings& settings);
/// Network rows a second without gradients.
Section forward(const Settings& settings);
/// Not for joint models. Posterior samples a second with 50 network evaluations: one observation, and many
/// observations.
Section sampling(const Settings& settings);
/// Resident memory after 100 training steps and after settings.steps.
Section memory(const Settings& settings);
/// Outputs and gradients of each fast path against the plain operations in float32: the absolute error
/// relative to the root mean square of what is compared.
Section errors(const Settings& settings);

}  // namespace fluxsbi::app::bench
