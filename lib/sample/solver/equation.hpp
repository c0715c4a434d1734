// What solvers integrate: an ordinary differential equation, and as its main case a method's path with a
// network.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "method/path.hpp"

namespace fluxsbi::sample {

/// A trained network with its condition bound: (t [1 or n], x [n, L, C], rows) -> [n, L, C], t being the
/// network's own time: one for all rows, or one each. `rows` (int64 [n], or undefined for all in order) names
/// which rows of the bound condition x belongs to.
using Evaluate = std::function<at::Tensor(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows)>;

/// A network's output and the product of a cotangent with its Jacobian.
struct Pulled {
  at::Tensor output;    ///< [n, L, C]
  at::Tensor gradient;  ///< [n, L, C]: d (sum of cotangent * output) / d x, 0 at given tokens
};
/// t, x and rows as for Evaluate, cotangent [n, L, C].
using PullBack = std::function<Pulled(const at::Tensor& t, const at::Tensor& x, const at::Tensor& cotangent,
                                      const at::Tensor& rows)>;

/// dx/dt = slope(t, x) from start() to end(), in either direction.
class Equation {
 public:
  virtual ~Equation() = default;
  virtual double start() const = 0;
  virtual double end() const = 0;
  /// The time at which the fraction `part` in [0, 1] of a fixed-step solver's steps is done, monotone from
  /// start() to end().
  virtual double time(double part) const = 0;
  /// t [1 or n], x [n, L, C] -> [n, L, C]; rows as for Evaluate.
  virtual at::Tensor slope(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const = 0;
  /// The same at one time for all rows, in order.
  virtual at::Tensor slope_at(double t, const at::Tensor& x) const;
};

/// time(part) for the parts 1 - (1 - i / steps)^spacing, i = 0 ... steps, steps >= 1. spacing 1: evenly
/// spaced parts; above 1: steps that get shorter towards the end.
std::vector<double> grid(const Equation& equation, int64_t steps, double spacing = 1);

/// Times t [1 or n] as they broadcast to [n, L, C]: [1 or n, 1, 1]. Of a time that all rows share,
/// coefficients are computed once.
at::Tensor over_elements(const at::Tensor& t);

/// One time for all rows of `like`, [1] of its type on its device.
at::Tensor time_for(double t, const at::Tensor& like);

/// Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), between two noise levels (Kynkaanniemi
/// et al. 2024, arXiv 2404.07724): with F0 the network without its condition, F becomes F0 + scale (F - F0)
/// where noise / signal is in [least, most], and stays F elsewhere, where F0 is not evaluated. What is linear
/// in F, velocity, score and denoiser, is guided likewise.
struct Guidance {
  Evaluate unconditional = {};  ///< undefined: none
  double scale = 1;             ///< 0: without the condition, 1: off, above 1: more of it
  double least = 0, most = std::numeric_limits<double>::infinity();
};

/// The output at times t [n or 1, 1, 1] of the path and states x [n, L, C], in place of a network's.
using Compose = std::function<at::Tensor(const at::Tensor& t, const at::Tensor& x)>;

/// The equations that take noise to data along a method's path. Given tokens stay at 0.
class PathEquation final : public Equation {
 public:
  /// given [n or 1, L, 1] bool, or undefined. `path` must outlive the equation.
  PathEquation(const method::Path& path, Evaluate network, at::Tensor given = {}, Guidance guidance = {})
      : path_(path), network_(std::move(network)), given_(std::move(given)), guidance_(std::move(guidance)) {}

  PathEquation(const method::Path& path, Compose compose, at::Tensor given = {})
      : path_(path), given_(std::move(given)), compose_(std::move(compose)) {}

  double start() const override { return path_.start(); }
  double end() const override { return path_.end(); }
  double time(double part) const override { return path_.time(part); }
  at::Tensor slope(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const override;
  at::Tensor slope_at(double t, const at::Tensor& x) const override;

  /// x(start()) of standard normal noise [n, L, C].
  at::Tensor initial(const at::Tensor& noise) const;
  /// For one time t and the rows in order, from one evaluation of the network (guided: of both):
  ///   along(velocity, score) at (t, x) = velocity velocity(t, x) + score noise(t)^2 score(t, x),
  /// the latter being signal D - x, finite where there is no noise.
  at::Tensor along(double t, const at::Tensor& x, double velocity, double score) const;
  /// D(x; t) for one time t.
  at::Tensor denoised(double t, const at::Tensor& x) const;
  /// Fills the given tokens of a state or a change of it with 0.
  at::Tensor free(const at::Tensor& x, const at::Tensor& rows = {}) const;

  const method::Path& path() const { return path_; }
  /// signal(t) and noise(t).
  std::pair<double, double> level(double t) const;

 private:
  at::Tensor combine(const method::Linear& linear, const at::Tensor& t, const at::Tensor& x,
                     const at::Tensor& rows, std::optional<bool> guides) const;
  /// F at (t, x), guided where `guides`; without that, by each row's own noise level, of which it reads back
  /// whether any is in guidance's range.
  at::Tensor ask(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows,
                 std::optional<bool> guides) const;
  /// Whether guidance changes F at any time.
  bool guided() const { return guidance_.unconditional && guidance_.scale != 1; }
  /// Where guidance acts among the times t, of their shape, bool.
  at::Tensor acts(const at::Tensor& t) const;
  /// Whether it acts at a time that all rows share; nothing waits for the device.
  bool guides_at(double t, const at::Tensor& like) const;

  const method::Path& path_;
  Evaluate network_;
  at::Tensor given_;
  Guidance guidance_;
  Compose compose_;  ///< undefined: the network answers
};

}  // namespace fluxsbi::sample
