// One step of a fixed-step solver, and the loop that takes them.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "sample/solver/equation.hpp"

namespace fluxsbi::sample {

/// From one time of the grid to the next.
struct Step {
  double from = 0, to = 0;
  bool last = false;  ///< ends at the equation's end()
};

at::Tensor euler_step_to_data(const PathEquation& equation, const at::Tensor& x);

/// Takes the steps of one integration, in order. A multistep method remembers earlier ones.
class Stepper {
 public:
  virtual ~Stepper() = default;
  /// x(step.to) of x(step.from) [n, L, C].
  virtual at::Tensor take(const Step& step, const at::Tensor& x) = 0;
  /// The last step, from end() to the path's data() if data() differs from end(): Euler's, unless a solver
  /// has its own.
  virtual at::Tensor to_data(const PathEquation& equation, const at::Tensor& x) {
    return euler_step_to_data(equation, x);
  }
};

/// x(end()) of x(start()) [n, L, C] along grid(equation, steps, spacing). Nothing is read back from the
/// device.
at::Tensor take_steps(Stepper& stepper, const Equation& equation, const at::Tensor& x, int64_t steps,
                      double spacing = 1);

}  // namespace fluxsbi::sample
