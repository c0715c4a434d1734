// The measurements of `bench`, one function a section.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "bench/figures.hpp"
#include "bench/workload.hpp"
#include "distributed/communicator.hpp"

namespace fluxsbi::app::bench {

struct Settings {
  Workload workload;
  at::Device device{at::kCPU};
  int64_t batch = 256;
  double seconds = 10;  ///< of each comparison
  int64_t steps = 500;  ///< of the memory check
};

/// Seconds that the matrix products of a pass over one batch take by themselves at the library's rate:
/// forward y = x W^T, and with `backward` also dx = dy W and dW = dy^T x. Sets `operations` to their number.
double product_seconds(const Settings& settings, engine::Engine& engine, bool backward, double& operations);

/// Training steps a second: the plain path, the reference engine on flat buffers with the fused optimiser,
/// and the engine that `auto` chooses. Beside them the steps a second that the matrix products alone would
/// allow at the rate at which the library multiplies these very shapes here, and the share of it that is
/// reached.
Section training(const Settings& settings);
/// Network rows a second without gradients.
Section forward(const Settings& settings);
/// Not for joint models. Posterior samples a second with 50 network evaluations: one observation, and many
/// observations.
Section sampling(const Settings& settings);
/// Not for joint models. Posterior samples a second of every method and solver, each with its default steps;
/// settings.seconds is the time of each solver.
std::vector<Section> solvers(const Settings& settings);
/// Resident memory after 100 training steps and after settings.steps.
Section memory(const Settings& settings);
/// Outputs and gradients of each engine against the modules in float64: the absolute error relative to the
/// root mean square of what is compared.
Section errors(const Settings& settings);
/// Training steps a second of all ranks together, each with its part of the batch, and of a step the shares
/// of the all-reduce and of waiting for the slowest rank. Collective; the same section on every rank.
Section distributed_training(const Settings& settings,
                             const std::shared_ptr<fluxsbi::distributed::Communicator>& ranks);
/// Prints a Markdown table of the tile engine beside the reference engine on a CPU, forward and training, for
/// one model or "all" over hidden widths, tokens and batches; returns when all are done.
void sweep(const Settings& settings, const std::string& model);

}  // namespace fluxsbi::app::bench
