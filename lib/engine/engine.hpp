// The seam between what is computed and how: an engine evaluates a network. Trainer, sampler and methods see
// this alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/flat_parameters.hpp"
#include "model/network.hpp"

namespace fluxsbi::engine {

/// A weighted least-squares problem for one batch: every generative method's loss has this form,
///   loss = sum over all elements of weight * (network(inputs) - target)^2,
/// the reduction (1 / B, 1 / unconditioned elements, the level's weight) being part of `weight`.
struct Regression {
  model::Inputs inputs;
  at::Tensor target;  ///< [B, L, C] float32
  at::Tensor weight;  ///< broadcasts to [B, L, C], float32
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string_view name() const = 0;
  virtual FlatParameters& parameters() = 0;
  virtual at::Device device() const = 0;

  /// The network's output, [B, L, C] float32, without a gradient. Inputs lie on device().
  virtual at::Tensor forward(const model::Inputs& inputs) = 0;

  /// Adds scale * d loss / d parameters to parameters().gradient. Returns the loss (a float32 scalar on
  /// device(), not scaled). Synchronises nothing and, after the first calls with the same shapes, allocates
  /// nothing that grows.
  virtual at::Tensor accumulate_gradient(const Regression& problem, double scale) = 0;

  /// The loss without a gradient.
  at::Tensor loss(const Regression& problem);

  /// The network's cond tokens of raw x [n, ...], n >= 1, without a gradient (Network::embed).
  at::Tensor embed(const at::Tensor& x);
};

/// The torch::nn modules themselves: readable, always right, on CPU and CUDA.
std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device);

/// The same modules on a CPU, the rows of a batch divided among the threads. Sums over rows have another
/// order than the reference engine's, the same for the same number of threads.
std::unique_ptr<Engine> make_batch_parallel_engine(std::shared_ptr<model::Network> network,
                                                   at::ScalarType compute);

}  // namespace fluxsbi::engine
