// Dormand and Prince (1980) with a step size per row; step control after Hairer, Norsett, Wanner, Solving
// Ordinary Differential Equations I, section II.4.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "core/error.hpp"
#include "sample/solver/runge_kutta.hpp"

namespace fluxsbi::sample {

namespace {

constexpr double safety = 0.9, smallest_factor = 0.2, largest_factor = 10;
// A step below this share of the whole interval makes no progress in float32: the row has failed.
constexpr double smallest_step = 1e-9;

// The rows that are still on their way. Times and steps are kept in float64, since float32 times would stop
// growing at steps that a sharp posterior needs near the data.
struct Rows {
  at::Tensor number;  // [n] int64, place in the result
  at::Tensor x;       // [n, L, C]
  at::Tensor slope;   // [n, L, C], drift at (time, x): the first stage of the next step
  at::Tensor time;    // [n] float64
  at::Tensor step;    // [n] float64, > 0; the direction is the solver's
  at::Tensor grows;   // [n] bool: the next accepted step may grow (no rejection just before it)
  at::Tensor moving;  // [n] float64, share of the elements that move

  void keep(const at::Tensor& which) {  // int64 indices
    for (at::Tensor* part : {&number, &x, &slope, &time, &step, &grows, &moving})
      *part = part->index_select(0, which);
  }
};

at::Tensor per_row(const at::Tensor& value, const at::Tensor& like) {  // [n] -> [n, 1, 1] of like's dtype
  return value.to(like.scalar_type()).view({-1, 1, 1});
}

class Dopri5 {
 public:
  Dopri5(const Equation& equation, const at::Tensor& x, const SolverOptions& options)
      : equation_(equation),
        options_(options),
        end_(equation.end()),
        span_(std::abs(equation.end() - equation.start())),
        direction_(equation.end() >= equation.start() ? 1 : -1),
        total_(x.size(0)) {
    result_.x = at::full_like(x, std::numeric_limits<double>::quiet_NaN());
    result_.failed = at::full({total_}, true, x.options().dtype(at::kBool));
    result_.exhausted = at::zeros_like(result_.failed);
    rows_.number = at::arange(total_, x.options().dtype(at::kLong));
    rows_.x = x;
    rows_.time = at::full({total_}, equation.start(), x.options().dtype(at::kDouble));
    rows_.grows = at::full({total_}, true, x.options().dtype(at::kBool));
    rows_.moving = options.moving.defined() ? options.moving : at::ones_like(rows_.time);
    rows_.slope = drift(rows_.time, rows_.x);
    rows_.step = first_step();
  }

  Integration run() {
    const int stages =
        dopri5_tableau.stages() - 1;  // evaluations of a step; the last stage is the next first
    while (rows_.number.size(0) > 0 && result_.evaluations + stages <= options_.max_evaluations) advance();
    result_.exhausted.index_fill_(0, rows_.number, true);
    return result_;
  }

 private:
  at::Tensor drift(const at::Tensor& time, const at::Tensor& x) {
    ++result_.evaluations;
    const bool all = rows_.number.size(0) == total_;
    return equation_.slope(time.to(x.scalar_type()), x, all ? at::Tensor() : rows_.number);
  }

  // Root mean square over a row's elements that move, [n] float64.
  at::Tensor root_mean_square(const at::Tensor& x) const {
    return x.square().flatten(1).mean(1).sqrt().to(at::kDouble) / rows_.moving.sqrt();
  }

  // magnitude [n, L, C]
  at::Tensor scale(const at::Tensor& magnitude) const {
    const at::Tensor relative = magnitude * options_.rtol;
    if (options_.absolute > 0)
      relative.narrow(2, relative.size(2) - options_.absolute, options_.absolute).zero_();
    return relative + options_.atol;
  }

  // [n] float64: a step with which an explicit Euler step stays within the tolerance (Hairer et al., II.4).
  at::Tensor first_step() {
    const at::Tensor tolerance = scale(rows_.x.abs());
    const at::Tensor size = root_mean_square(rows_.x / tolerance),
                     speed = root_mean_square(rows_.slope / tolerance);
    const at::Tensor tiny = at::full_like(size, 1e-6 * span_);
    at::Tensor guess = at::where((size < 1e-5).logical_or(speed < 1e-5), tiny, 0.01 * size / speed);
    guess = at::minimum(guess, at::full_like(guess, span_));
    const at::Tensor h = guess * direction_;
    const at::Tensor moved = rows_.x + per_row(h, rows_.x) * rows_.slope;
    const at::Tensor bend =
        root_mean_square((drift(rows_.time + h, moved) - rows_.slope) / tolerance) / guess;
    const at::Tensor steepest = at::maximum(speed, bend);
    const at::Tensor second =
        at::where(steepest <= 1e-15, at::maximum(tiny, guess * 1e-3), (0.01 / steepest).pow(0.2));
    const at::Tensor step = at::minimum(100 * guess, second);
    // A non-finite slope gives NaN here; the first step's error is then not finite either.
    return step.nan_to_num(1e-3 * span_).clamp(smallest_step * span_, span_);
  }

  // One attempt of a step for every row.
  void advance() {
    const at::Tensor left = (end_ - rows_.time) * direction_;
    // A step that would leave a sliver reaches the end at once.
    const at::Tensor last = rows_.step >= left * (1 - 1e-6);
    const at::Tensor h = at::where(last, left, rows_.step) * direction_;  // [n] float64
    std::vector<at::Tensor> k{rows_.slope};
    const at::Tensor candidate = take_stages(h, k);
    const at::Tensor error = root_mean_square(weighted(k, dopri5_tableau.e, h) /
                                              scale(at::maximum(rows_.x.abs(), candidate.abs())));
    const at::Tensor accepted = error <= 1;  // false for NaN
    const at::Tensor done = accepted.logical_and(last);
    choose_next_step(error, accepted, h.abs());
    const at::Tensor pick = accepted.view({-1, 1, 1});
    rows_.x = at::where(pick, candidate, rows_.x);
    rows_.slope = at::where(pick, k.back(), rows_.slope);
    rows_.time = at::where(accepted, rows_.time + h, rows_.time);
    // Error estimates of a finite candidate are finite, so an accepted row is finite.
    const at::Tensor lost = accepted.logical_not().logical_and(rows_.step < smallest_step * span_);
    retire(done, lost);
  }

  // Fills k_1 ... k_6 and returns x(t + h), which is the argument of the last stage.
  at::Tensor take_stages(const at::Tensor& h, std::vector<at::Tensor>& k) {
    at::Tensor argument;
    for (int i = 1; i < dopri5_tableau.stages(); ++i) {
      argument = rows_.x + weighted(k, dopri5_tableau.row(i), h);
      const at::Tensor time = rows_.time + h * dopri5_tableau.c[static_cast<size_t>(i)];
      k.push_back(drift(time, argument));
    }
    return argument;
  }

  // h sum_j weights_j k_j
  static at::Tensor weighted(const std::vector<at::Tensor>& k, std::span<const double> weights,
                             const at::Tensor& h) {
    at::Tensor sum = k[0] * weights[0];
    for (size_t j = 1; j < weights.size(); ++j) {
      if (weights[j] != 0) sum.add_(k[j], weights[j]);
    }
    return sum.mul_(per_row(h, sum));
  }

  // The step whose error is expected at safety^5; no growth directly after a rejection.
  void choose_next_step(const at::Tensor& error, const at::Tensor& accepted, const at::Tensor& taken) {
    const at::Tensor factor =
        (safety * error.pow(-0.2)).nan_to_num(smallest_factor).clamp(smallest_factor, largest_factor);
    const at::Tensor limited = at::where(rows_.grows, factor, factor.clamp_max(1));
    rows_.step = at::where(accepted, taken * limited, taken * factor.clamp_max(1));
    rows_.grows = accepted;
  }

  // Writes finished rows into the result and removes finished and lost ones.
  void retire(const at::Tensor& done, const at::Tensor& lost) {
    const at::Tensor leaving = done.logical_or(lost);
    if (!leaving.any().item<bool>()) return;  // the one read-back of a step
    const at::Tensor finished = done.nonzero().view(-1);
    const at::Tensor places = rows_.number.index_select(0, finished);
    result_.x.index_copy_(0, places, rows_.x.index_select(0, finished));
    result_.failed.index_fill_(0, places, false);
    rows_.keep(leaving.logical_not().nonzero().view(-1));
  }

  const Equation& equation_;
  const SolverOptions& options_;
  double end_, span_, direction_;
  int64_t total_;
  Rows rows_;
  Integration result_;
};

}  // namespace

Integration integrate_dopri5(const Equation& equation, const at::Tensor& x, const SolverOptions& options) {
  core::require(x.dim() == 3 && options.atol > 0 && options.rtol >= 0,
                "dopri5 needs x [n, L, C] and atol > 0");
  return Dopri5(equation, x, options).run();
}

}  // namespace fluxsbi::sample
