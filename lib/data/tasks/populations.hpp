// Two populations of which one feeds on the other: the equations of lotka_volterra and of sir.
#pragma once

#include <span>

namespace fluxsbi::data {

/// u' = growth u - predation u v,  v' = gain u v - death v
struct PopulationRates {
  double growth, predation, gain, death;
};

/// Two numbers above 0.
struct Populations {
  double u, v;
};

/// Follows the populations from `start` at t = 0 to `end` and writes them at `times` (ascending, in [0,
/// end]). False, with `at` void, if the solver fails: the state is not finite, the step falls below what t
/// resolves, or 100,000 steps do not reach the end.
///
/// The state is (log u, log v), with (log u)' = growth - predation v and (log v)' = gain u - death:
/// populations stay positive and keep their relative accuracy however small they become. The integrator is
/// the 5(4) pair of Dormand and Prince (Boost.Odeint) with a relative and absolute tolerance of 1e-8.
bool follow_populations(const PopulationRates& rates, const Populations& start, std::span<const double> times,
                        double end, std::span<Populations> at);

}  // namespace fluxsbi::data
