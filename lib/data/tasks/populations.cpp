#include "data/tasks/populations.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <boost/numeric/odeint/algebra/array_algebra.hpp>
#include <boost/numeric/odeint/stepper/controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>

#include "core/error.hpp"

namespace fluxsbi::data {

namespace {

namespace odeint = boost::numeric::odeint;
using LogState = std::array<double, 2>;  // log u, log v
using DormandPrince = odeint::controlled_runge_kutta<
    odeint::runge_kutta_dopri5<LogState, double, LogState, double, odeint::array_algebra>>;

constexpr double tolerance = 1e-8;
constexpr int64_t most_steps = 100'000;
constexpr double first_step = 1e-3, retreat = 0.1;  // shares of the end and of a step

bool is_finite(const LogState& state) {
  return std::isfinite(state[0]) && std::isfinite(state[1]);
}

/// The integrator between two calls: state, its slope, time, and the step that the error control proposes.
class Path {
 public:
  Path(const PopulationRates& rates, const Populations& start, double end)
      : rates_(rates), state_{std::log(start.u), std::log(start.v)}, step_(first_step * end) {
    slope_of(state_, slope_);
  }

  bool advance(double to) {
    while (time_ < to) {
      if (++steps_ > most_steps) return false;
      if (!try_step(to)) return false;
    }
    return is_finite(state_);
  }

  Populations populations() const { return {std::exp(state_[0]), std::exp(state_[1])}; }

 private:
  void slope_of(const LogState& state, LogState& slope) const {
    slope[0] = rates_.growth - rates_.predation * std::exp(state[1]);
    slope[1] = rates_.gain * std::exp(state[0]) - rates_.death;
  }

  // One step at most as far as `to`, or a smaller one to be tried next. False: a step no longer moves the
  // time.
  bool try_step(double to) {
    const bool last = time_ + step_ >= to;
    const LogState before = state_, slope_before = slope_;
    const double tried = last ? to - time_ : step_;
    double time = time_, step = tried;
    const auto system = [this](const LogState& s, LogState& slope, double) { slope_of(s, slope); };
    const bool taken = stepper_.try_step(system, state_, slope_, time, step) == odeint::success;
    const bool finite = is_finite(state_) && is_finite(slope_);  // NaN passes the error control
    if (taken && finite) {
      step_ = last ? std::max(step, step_) : step;  // one cut short tells little of the next
      time_ = last ? to : time;
      return true;
    }
    state_ = before;
    slope_ = slope_before;
    step_ = finite ? step : retreat * tried;
    return time_ + step_ > time_;
  }

  PopulationRates rates_;
  LogState state_, slope_{};
  double time_ = 0, step_;
  int64_t steps_ = 0;
  // Error over tolerance (1 + |state|) in each component, without the slope's share that Odeint adds by
  // default.
  DormandPrince stepper_{
      odeint::default_error_checker<double, odeint::array_algebra, odeint::default_operations>(
          tolerance, tolerance, 1, 0)};
};

}  // namespace

bool follow_populations(const PopulationRates& rates, const Populations& start, std::span<const double> times,
                        double end, std::span<Populations> at) {
  core::require(times.size() == at.size() && std::is_sorted(times.begin(), times.end()),
                "a place for each of the times, which ascend");
  Path path(rates, start, end);
  for (size_t i = 0; i < times.size(); ++i) {
    if (!path.advance(times[i])) return false;
    at[i] = path.populations();
  }
  return path.advance(end);
}

}  // namespace fluxsbi::data
