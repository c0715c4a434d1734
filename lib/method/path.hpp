// The path from noise to data for which a method trains its network, and what the network's output says about
// it.
//
// At time t, in the method's own clock, a state is x(t) = signal(t) x1 + noise(t) n with data x1 and
// n ~ N(0, I). The network F is asked as F(scale x; time), and enters whatever sampling needs linearly:
//   quantity = c_x x + c_F F.
// With D = E[x1 | x(t)] the score, the gradient of log p_t, is (signal D - x) / noise^2.
#pragma once

#include <span>

#include <ATen/core/Tensor.h>

namespace fluxsbi::method {

/// How the network is evaluated. Both have the shape of t.
struct Query {
  at::Tensor time;   ///< the network's own time argument
  at::Tensor scale;  ///< what the state is multiplied by
};

/// x * state + network * F. Both have the shape of t.
struct Linear {
  at::Tensor x, network;
};

/// The coefficients of data and noise in the state. Both have the shape of t.
struct Level {
  at::Tensor signal, noise;
};

/// The stochastic equations that some path knows.
enum class Sde {
  reverse,       ///< diffusion and score matching: the reversed forward equation
  zero_ends,     ///< flow matching: g^2 = t (1 - t)
  non_singular,  ///< flow matching: g^2 = 1 - t
};

/// All coefficients are functions of times t of any shape, on t's device and in its type.
class Path {
 public:
  virtual ~Path() = default;
  /// Sampling goes from noise at start() to end(). end() is the time of the data, data(), or a time just
  /// before it where the velocity is still finite; then a last Euler step leads to data(). If data() ==
  /// end(), there is no such step.
  virtual double start() const = 0;
  virtual double end() const = 0;
  virtual double data() const { return end(); }
  /// The time at which the fraction `part` in [0, 1] of the steps is done: time(0) = start(), time(1) =
  /// end(), monotone.
  virtual double time(double part) const = 0;
  /// The standard deviation of x(start()).
  virtual double initial_scale() const = 0;

  virtual Query query(const at::Tensor& t) const = 0;
  /// dx/dt of the deterministic equation that has the path's distribution at every time.
  virtual Linear velocity(const at::Tensor& t) const = 0;
  /// D(x; t) = E[x1 | x(t) = x].
  virtual Linear denoised(const at::Tensor& t) const = 0;
  virtual Level level(const at::Tensor& t) const = 0;
  /// The time between start() and end() at which noise / signal is `ratio`, for ratios between theirs.
  virtual double time_of(double ratio) const = 0;

  /// Stochastic equations of the same distributions, the usual one first:
  ///   dx = (velocity + or - g^2 score / 2) dt + g dW, + where time runs up towards the data.
  virtual std::span<const Sde> sdes() const = 0;
  /// g(t)^2 of one of the equations of sdes().
  virtual at::Tensor squared_diffusion(Sde sde, const at::Tensor& t) const = 0;
};

}  // namespace fluxsbi::method
