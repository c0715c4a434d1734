#include "sample/density/density_equation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/stop.hpp"

namespace fluxsbi::sample {

namespace {

// Independent signs, 32 of a random word.
void fill_signs(core::Philox& random, std::span<float> out) {
  uint32_t word = 0;
  for (size_t j = 0; j < out.size(); ++j) {
    if (j % 32 == 0) word = random.next_u32();
    out[j] = (word >> (j % 32) & 1) != 0 ? 1.0F : -1.0F;
  }
}

}  // namespace

Directions unit_directions(const at::Tensor& free, at::Device device) {
  const at::Tensor places = free.flatten().nonzero().view(-1);
  core::require(places.numel() > 0, "a density needs an element that is inferred");
  return {at::eye(free.numel(), at::kFloat).index_select(0, places).unsqueeze(0).to(device), true,
          places.numel()};
}

Directions random_directions(const at::Tensor& free, uint64_t seed, std::span<const int64_t> rows,
                             int64_t probes, at::Device device) {
  core::require(probes >= 1, "Hutchinson's estimate needs a probe");
  const int64_t size = free.numel();
  const bool uploads = !device.is_cpu();  // from pinned memory a device takes them by itself
  at::Tensor vectors =
      at::zeros({std::ssize(rows), probes, size}, at::TensorOptions(at::kFloat).pinned_memory(uploads));
  float* next = vectors.data_ptr<float>();
  for (const int64_t row : rows) {
    for (int64_t probe = 0; probe < probes; ++probe, next += size) {
      const uint64_t stream = static_cast<uint64_t>(row) << 32 | static_cast<uint64_t>(probe);
      core::Philox random(seed, core::Purpose::divergence, stream);
      fill_signs(random, {next, static_cast<size_t>(size)});
    }
  }
  return {vectors.mul_(free.flatten()).to(device, at::kFloat, /*non_blocking=*/uploads), false,
          free.sum().item<int64_t>()};
}

DensityEquation::DensityEquation(const method::Path& path, PullBack pull_back, at::Tensor free,
                                 Directions directions, int64_t at_once, double spacing)
    : path_(path),
      pull_back_(std::move(pull_back)),
      free_(std::move(free)),
      directions_(std::move(directions)),
      at_once_(at_once),
      inferred_(directions_.inferred),
      spacing_(spacing) {
  core::require(free_.dim() == 2 && directions_.vectors.dim() == 3 &&
                    directions_.vectors.size(2) == free_.numel() && at_once >= 1 && spacing > 0,
                "a density needs free [L, C], directions [n or 1, k, L C], room for one item and a spacing");
}

// All pairs of a row and a direction, rows first, in pieces of at_once_.
DensityEquation::Measured DensityEquation::measure(const at::Tensor& time, const at::Tensor& x,
                                                   const at::Tensor& rows) const {
  const int64_t n = x.size(0), k = directions_.vectors.size(1);
  const at::Tensor vectors = directions_.vectors.flatten(0, 1);  // [n k or k, E]
  const bool same_vectors = directions_.vectors.size(0) == 1, same_time = time.numel() == 1;
  std::vector<at::Tensor> outputs, products;
  for (int64_t begin = 0; begin < n * k; begin += at_once_) {
    core::interruption_point();
    const int64_t end = std::min(begin + at_once_, n * k), count = end - begin;
    const at::Tensor pair = at::arange(begin, end, x.options().dtype(at::kLong));
    const at::Tensor item = pair.floor_divide(k), which = pair.remainder(k);
    const at::Tensor row = rows.defined() ? rows.index_select(0, item) : item;
    const at::Tensor u = vectors.index_select(0, same_vectors ? which : row * k + which).to(x.scalar_type());
    const at::Tensor t = same_time ? time.view(-1) : time.view(-1).index_select(0, item);
    const at::Tensor cotangent = u.view({count, x.size(1), x.size(2)});
    const Pulled pulled = pull_back_(t, x.index_select(0, item), cotangent, row);
    products.push_back((pulled.gradient * cotangent).flatten(1).sum(1));
    // The output is the same for all directions of a row: that of the first is taken.
    const int64_t first = (begin + k - 1) / k * k - begin;
    if (first < count) {
      outputs.push_back(
          pulled.output.index_select(0, at::arange(first, count, k, x.options().dtype(at::kLong))));
    }
  }
  return {at::cat(outputs), at::cat(products).view({n, k})};
}

at::Tensor DensityEquation::slope(const at::Tensor& t, const at::Tensor& state,
                                  const at::Tensor& rows) const {
  const int64_t n = state.size(0), size = free_.numel();
  const at::Tensor time = over_elements(t);
  const at::Tensor x = state.narrow(2, 0, size).reshape({n, free_.size(0), free_.size(1)});
  const method::Query query = path_.query(time);
  const method::Linear velocity = path_.velocity(time);
  const Measured found = measure(query.time, query.scale * x, rows);
  const at::Tensor moved = (velocity.x * x + velocity.network * found.output) * free_;
  const at::Tensor products = directions_.exact ? found.products.sum(1, true) : found.products;  // [n, m]
  const at::Tensor divergence = velocity.x * static_cast<double>(inferred_) +
                                velocity.network * query.scale * products.unsqueeze(1);  // [n, 1, m]
  const double weight = 1 / std::sqrt(static_cast<double>(integrals()));
  return at::cat({moved.reshape({n, 1, size}), divergence * weight}, 2);
}

LogDensity log_density(const DensityEquation& equation, const SolverRow& row, const at::Tensor& x,
                       SolverOptions options) {
  const int64_t n = x.size(0), size = equation.free().numel(), m = equation.integrals();
  const auto inferred = static_cast<double>(equation.inferred());
  const at::Tensor wide = (x.to(at::kDouble) * equation.free()).reshape({n, 1, size});
  const at::Tensor state = at::cat({wide, at::zeros({n, 1, m}, wide.options())}, 2);
  options.moving = at::full({n}, (inferred + 1) / static_cast<double>(size + m), wide.options());
  options.absolute = m;
  const Integration end = solve(row, equation, state, options);
  const at::Tensor start = end.x.narrow(2, 0, size).reshape({n, size});
  const at::Tensor integrals = end.x.narrow(2, size, m).reshape({n, m}) * std::sqrt(static_cast<double>(m));
  const double scale = equation.path().initial_scale();
  LogDensity result;
  result.value = integrals.mean(1) - start.square().sum(1) / (2 * scale * scale) -
                 inferred * (std::log(scale) + std::log(2 * M_PI) / 2);
  if (!equation.exact()) {
    const at::Tensor nothing = at::full({n}, std::numeric_limits<double>::quiet_NaN(), wide.options());
    result.standard_error = m == 1 ? nothing : integrals.std(1) / std::sqrt(static_cast<double>(m));
  }
  result.exhausted = end.exhausted;
  result.evaluations = end.evaluations;
  return result;
}

}  // namespace fluxsbi::sample
