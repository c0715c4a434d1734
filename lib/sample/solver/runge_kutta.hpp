// Explicit Runge-Kutta methods: a solver is a table of coefficients (its Butcher tableau) and a citation.
//   k_i = f(t + c_i h, x + h sum_{j < i} a_ij k_j),   x(t + h) = x + h sum_i b_i k_i
#pragma once

#include <array>
#include <span>

#include "sample/solver/solver.hpp"
#include "sample/solver/stepper.hpp"

namespace fluxsbi::sample {

struct Tableau {
  std::span<const double> a;  ///< strictly lower triangle, row by row: a_10, a_20, a_21, ...
  std::span<const double> b;  ///< [stages]
  std::span<const double> c;  ///< [stages], c_0 = 0
  std::span<const double> e;  ///< [stages], b minus the weights of the embedded method; empty: none

  constexpr int stages() const { return static_cast<int>(b.size()); }
  /// Coefficients a_i0 ... a_i,i-1 of stage i.
  constexpr std::span<const double> row(int i) const {
    return a.subspan(static_cast<size_t>(i * (i - 1) / 2), static_cast<size_t>(i));
  }
};

namespace coefficients {
inline constexpr std::array<double, 1> euler_b{1}, euler_c{0};
inline constexpr std::array<double, 1> midpoint_a{0.5};
inline constexpr std::array<double, 2> midpoint_b{0, 1}, midpoint_c{0, 0.5};
inline constexpr std::array<double, 1> heun_a{1};
inline constexpr std::array<double, 2> heun_b{0.5, 0.5}, heun_c{0, 1};
inline constexpr std::array<double, 6> rk4_a{0.5, 0, 0.5, 0, 0, 1};
inline constexpr std::array<double, 4> rk4_b{1. / 6, 1. / 3, 1. / 3, 1. / 6}, rk4_c{0, 0.5, 0.5, 1};
// The seventh stage of dopri5 is the first of the next step (its row of a equals b).
inline constexpr std::array<double, 21> dopri5_a{
    1. / 5,         3. / 40,       9. / 40,     44. / 45,     -56. / 15,  32. / 9,       19372. / 6561,
    -25360. / 2187, 64448. / 6561, -212. / 729, 9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176,
    -5103. / 18656, 35. / 384,     0,           500. / 1113,  125. / 192, -2187. / 6784, 11. / 84};
inline constexpr std::array<double, 7> dopri5_b{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784,
                                                11. / 84,  0};
inline constexpr std::array<double, 7> dopri5_c{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
inline constexpr std::array<double, 7> dopri5_e{71. / 57600,      0,         -71. / 16695, 71. / 1920,
                                                -17253. / 339200, 22. / 525, -1. / 40};
}  // namespace coefficients

inline constexpr Tableau euler_tableau{{}, coefficients::euler_b, coefficients::euler_c, {}};
inline constexpr Tableau midpoint_tableau{
    coefficients::midpoint_a, coefficients::midpoint_b, coefficients::midpoint_c, {}};
inline constexpr Tableau heun_tableau{coefficients::heun_a, coefficients::heun_b, coefficients::heun_c, {}};
inline constexpr Tableau rk4_tableau{coefficients::rk4_a, coefficients::rk4_b, coefficients::rk4_c, {}};
inline constexpr Tableau dopri5_tableau{coefficients::dopri5_a, coefficients::dopri5_b,
                                        coefficients::dopri5_c, coefficients::dopri5_e};

/// Steps with a tableau. The equation must outlive it.
class RungeKutta final : public Stepper {
 public:
  RungeKutta(const Tableau& tableau, const Equation& equation) : tableau_(tableau), equation_(equation) {}
  at::Tensor take(const Step& step, const at::Tensor& x) override;

 private:
  const Tableau& tableau_;
  const Equation& equation_;
};

/// Dormand and Prince's 5(4) pair with a step size for each row: a row's result does not depend on which
/// other rows are integrated with it. Rows that are done leave the batch.
Integration integrate_dopri5(const Equation& equation, const at::Tensor& x, const SolverOptions& options);

}  // namespace fluxsbi::sample
