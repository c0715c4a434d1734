// The seam between what is computed and how: an engine evaluates a network. Trainer, sampler and methods see
// only this.
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

enum class InputsOf { obs, all };

/// d (sum of cotangent * output) / d input, of the input's shape; undefined for inputs that were not given or
/// not asked for.
struct InputGradients {
  at::Tensor output;  ///< [B, L, C] float32, what forward gives
  at::Tensor obs, t, cond, guidance;
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

  /// The output and its gradient for cotangent [B, L, C] with respect to inputs.obs, or to t, cond and
  /// guidance too: the product of the cotangent with the Jacobian that densities need. The default runs the
  /// network's modules with autograd.
  virtual InputGradients input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                         InputsOf which);

  /// The loss without a gradient.
  at::Tensor loss(const Regression& problem);

  /// The network's cond tokens of raw x [n, ...], n >= 1, without a gradient (Network::embed).
  at::Tensor embed(const at::Tensor& x);
};

/// The torch::nn modules themselves: they are readable, define what is right, and run on CPU and CUDA.
std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device);

/// The same modules on a CPU, the rows of a batch divided among the threads. Sums over rows have another
/// order than the reference engine's, the same for the same number of threads.
std::unique_ptr<Engine> make_batch_parallel_engine(std::shared_ptr<model::Network> network,
                                                   at::ScalarType compute);

/// The tile engine: own kernels on tiles of 16 samples, float32 on a CPU, for the networks that it covers
/// (not_in_tiles). A call with other ids for each row goes to the batch-parallel engine, and so do gradients
/// of parameters with TrainIn::modules. The same number of threads gives the same bits.
enum class TrainIn { tiles, modules };
std::unique_ptr<Engine> make_tile_engine(std::shared_ptr<model::Network> network,
                                         TrainIn train = TrainIn::tiles);

/// Where a network trains faster: a tile of few tokens is too little work for weights that do not fit a cache
/// (docs/performance.md).
TrainIn faster_training(const model::Network& network);

/// What keeps the tile engine from this network, computed in `compute` on `device`, for a sentence that
/// begins "the tile engine does not cover "; "" if nothing does.
std::string not_in_tiles(const model::Network& network, at::ScalarType compute, at::Device device);

}  // namespace fluxsbi::engine
