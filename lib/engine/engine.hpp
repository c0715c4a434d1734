// The seam between what is computed and how: an engine evaluates a network. Trainer, sampler and methods see
// only this.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/flat_parameters.hpp"
#include "engine/tile/kernels.hpp"
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

/// d (sum of cotangent * output) / d input, of the input's shape (of a time that all rows share: the sum over
/// rows); undefined for inputs that were not given or not asked for.
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
  at::Tensor loss(const Regression& problem) { return losses(problem).sum(); }
  /// Its terms, [B, L, C]: one for each element.
  at::Tensor losses(const Regression& problem);

  /// The network's cond tokens of raw x [n, ...], n >= 1, without a gradient (Network::embed).
  at::Tensor embed(const at::Tensor& x);
};

/// The torch::nn modules themselves: they are readable, define what is right, and run on CPU and CUDA. On a
/// CPU the rows of a large batch are divided among the threads. The number of threads decides the order of
/// sums over rows, so that the same number gives the same bits.
/// With `kernels` the operations between matrix products, and the optimiser's step, run by those.
std::unique_ptr<Engine> make_reference_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                              at::Device device, const DeviceKernels* kernels = nullptr);

/// The tile engine: own kernels on tiles of 16 samples, float32 on a CPU, for the networks that
/// lowering::traits_of knows. `products`: how factors of matrix products are rounded; all else, and an
/// embedding network, is float32. A call with other ids for each row goes to the reference engine. The same
/// number of threads gives the same bits.
std::unique_ptr<Engine> make_tile_engine(std::shared_ptr<model::Network> network,
                                         tile::Rounding products = tile::Rounding::none);

}  // namespace fluxsbi::engine
