#include "sample/solver/equation.hpp"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/where.h>

#include "method/jumps.hpp"

namespace fluxsbi::sample {

at::Tensor over_elements(const at::Tensor& t) {
  return t.view({-1, 1, 1});
}

std::vector<double> grid(const Equation& equation, int64_t steps, double spacing) {
  std::vector<double> times;
  for (int64_t i = 0; i <= steps; ++i)
    times.push_back(equation.time(method::part_done(static_cast<double>(i), steps, spacing)));
  return times;
}

at::Tensor time_for(double t, const at::Tensor& like) {
  return at::full({1}, t, like.options());
}

namespace {

// One time for all rows of `like`, as a number of its type on the host: what is computed of it costs the
// device nothing, and multiplies tensors on the device as a number.
at::Tensor host_time(double t, const at::Tensor& like) {
  return at::full({}, t, like.scalar_type());
}

}  // namespace

at::Tensor Equation::slope_at(double t, const at::Tensor& x) const {
  return slope(time_for(t, x), x, {});
}

at::Tensor PathEquation::acts(const at::Tensor& t) const {
  const method::Level level = path_.level(t);
  const at::Tensor ratio = level.noise / level.signal;
  return (ratio >= guidance_.least).logical_and(ratio <= guidance_.most);
}

bool PathEquation::guides_at(double t, const at::Tensor& like) const {
  if (!guided()) return false;
  if (guidance_.least <= 0 && std::isinf(guidance_.most)) return true;
  // In the state's type, in which rows with times of their own are told, too.
  return acts(host_time(t, like)).item<bool>();
}

at::Tensor PathEquation::ask(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows,
                             std::optional<bool> guides) const {
  if (compose_) return compose_(t, x);
  const method::Query query = path_.query(t);
  const at::Tensor time =
      query.time.dim() == 0 ? time_for(query.time.item<double>(), x) : query.time.view(-1);
  const at::Tensor state = query.scale * x;
  const at::Tensor output = network_(time, state, rows);
  if (!guided() || !guides.value_or(true)) return output;
  at::Tensor some;  // [1 or n, 1, 1] bool; undefined: everywhere
  if (!guides && (guidance_.least > 0 || std::isfinite(guidance_.most))) {
    some = acts(t);
    if (!some.any().item<bool>()) return output;
  }
  const at::Tensor without = guidance_.unconditional(time, state, rows);
  const at::Tensor guided = without + guidance_.scale * (output - without);
  return some.defined() ? at::where(some, guided, output) : guided;
}

at::Tensor PathEquation::combine(const method::Linear& linear, const at::Tensor& t, const at::Tensor& x,
                                 const at::Tensor& rows, std::optional<bool> guides) const {
  return free(linear.x * x + linear.network * ask(t, x, rows, guides), rows);
}

at::Tensor PathEquation::slope(const at::Tensor& t, const at::Tensor& x, const at::Tensor& rows) const {
  const at::Tensor time = over_elements(t);
  return combine(path_.velocity(time), time, x, rows, {});
}

at::Tensor PathEquation::slope_at(double t, const at::Tensor& x) const {
  const at::Tensor time = host_time(t, x);
  return combine(path_.velocity(time), time, x, {}, guides_at(t, x));
}

at::Tensor PathEquation::along(double t, const at::Tensor& x, double velocity, double score) const {
  const at::Tensor time = host_time(t, x);
  method::Linear sum = path_.velocity(time);
  sum.x = velocity * sum.x;
  sum.network = velocity * sum.network;
  if (score != 0) {
    const method::Linear clean = path_.denoised(time);
    const at::Tensor signal = path_.level(time).signal;
    sum.x = sum.x + score * (signal * clean.x - 1);
    sum.network = sum.network + score * signal * clean.network;
  }
  return combine(sum, time, x, {}, guides_at(t, x));
}

at::Tensor PathEquation::denoised(double t, const at::Tensor& x) const {
  const at::Tensor time = host_time(t, x);
  return combine(path_.denoised(time), time, x, {}, guides_at(t, x));
}

at::Tensor PathEquation::initial(const at::Tensor& noise) const {
  return free(noise * path_.initial_scale());
}

at::Tensor PathEquation::free(const at::Tensor& x, const at::Tensor& rows) const {
  if (!given_.defined()) return x;
  const bool some = rows.defined() && given_.size(0) > 1;
  return x.masked_fill(some ? given_.index_select(0, rows) : given_, 0);
}

std::pair<double, double> PathEquation::level(double t) const {
  const method::Level level = path_.level(at::scalar_tensor(t, at::kDouble));
  return {level.signal.item<double>(), level.noise.item<double>()};
}

}  // namespace fluxsbi::sample
