#include "sample/density/density_evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"

namespace fluxsbi::sample {

namespace {

// log N(x(start)) magnifies the state's error by its distance from 0, and errors of all steps add up: with
// this share of sampling's tolerances a log-density is right to ten times them.
constexpr double tolerance_share = 0.2;

}  // namespace

DensityEvaluation::DensityEvaluation(const Source& source, const DivergenceOptions& divergence,
                                     const SamplingOptions& options, const DensityMemory& memory,
                                     std::string who)
    : source_(source),
      divergence_(divergence),
      memory_(memory),
      who_(std::move(who)),
      solver_(density_solver(options.solver)),
      path_(source.method->path()) {
  solver_options_.atol = options.atol * tolerance_share;
  solver_options_.rtol = options.rtol * tolerance_share;
  solver_options_.max_evaluations = options.max_evaluations;
  solver_options_.steps = options.steps.value_or(0);
  if (!solver_.adaptive) spacing_ = options.spacing.value_or(source.method->default_spacing());
  find_free();
  recorded_ = recording();
}

bool DensityEvaluation::in_support(std::span<const double> value) const {
  if (!source_.prior) return true;
  const auto dim = static_cast<std::ptrdiff_t>(source_.prior->dim());
  const std::vector<double> theta(value.begin(), value.begin() + dim);
  return source_.prior->in_support(theta, given_components_);
}

int64_t DensityEvaluation::rows_per_chunk() const {
  constexpr double stages = 14;
  const auto elements = static_cast<double>(size());
  const double probes = divergence_.exact ? 0 : static_cast<double>(divergence_.probes);
  const double bytes =
      sizeof(double) * stages * (elements + std::max(probes, 1.0)) + sizeof(float) * probes * elements;
  return static_cast<int64_t>(
      std::clamp(memory_.state_bytes / bytes, 1.0, static_cast<double>(memory_.pull_backs)));
}

uint64_t DensityEvaluation::key_of(const ChunkPoints& points) {
  constexpr int64_t kind = -1;  // draws have their attempts, from 0 on
  return chunk_key(kind, points.rows);
}

void DensityEvaluation::warn(const std::vector<int64_t>& failed, int64_t count, int64_t exhausted,
                             int64_t rows) const {
  if (!divergence_.exact && divergence_.probes == 1)
    core::log::warning("one probe has no standard error: log_prob_se is NaN; take 2 probes or more");
  if (count == 0) return;
  const int64_t others = count - std::ssize(failed);
  core::log::warning(
      source_.who + "log_prob is NaN for " + std::to_string(count) + " of " + std::to_string(rows) +
      " rows: " + core::list_first(failed) +
      (others > 0 ? " " + core::and_more(static_cast<size_t>(others)) : "") + "; " +
      (exhausted > 0
           ? "sampling.max_evaluations = " + std::to_string(solver_options_.max_evaluations) +
                 " was reached: raise it, or loosen --atol and --rtol; where --solver rk4 gives other "
                 "densities with --steps 200 than with 400, the network's flow is too steep for any "
                 "solver: train it longer"
           : "the network's output is not finite there, or its slope too steep for float32"));
}

// Which elements are inferred: as the first row of source.given says.
void DensityEvaluation::find_free() {
  free_ = at::full({source_.tokens, source_.channels}, true, at::kBool);
  given_.resize(size());
  for (size_t j = 0; j < size(); ++j) {
    given_[j] = !source_.given.empty() && !std::isnan(source_.given[j]);
    free_.data_ptr<bool>()[j] = !given_[j];
  }
  const auto dim = static_cast<std::ptrdiff_t>(source_.prior ? source_.prior->dim() : 0);
  given_components_.assign(given_.begin(), given_.begin() + dim);
  const at::Tensor end = at::full({}, path_->end(), at::kDouble);
  signal_ = path_->level(end).signal.item<double>();
  offset_ = static_cast<double>(free_.sum().item<int64_t>()) * std::log(signal_);
}

// [n, L, C] float64, standardised, at the path's end.
at::Tensor DensityEvaluation::states(const ChunkPoints& points) const {
  std::vector<float> standardised = source_.frame.state_of(points.values, points.bound);
  const at::Tensor state = at::from_blob(
      standardised.data(), {std::ssize(points.rows), source_.tokens, source_.channels}, at::kFloat);
  const bool uploads = !source_.device.is_cpu();  // from pinned memory a device takes it by itself
  const at::Tensor wide =
      at::empty(state.sizes(), at::TensorOptions(at::kDouble).pinned_memory(uploads)).copy_(state);
  return wide.mul_(signal_).to(source_.device, at::kDouble, /*non_blocking=*/uploads);
}

// numbers: float64, [rows] values and, of an estimated divergence, [rows] standard errors.
Chunk DensityEvaluation::compute(const ChunkPoints& points) {
  Chunk all;
  std::vector<double> values, errors;
  const auto release = [&] {
    if (recorded_) recorded_->clear();
  };
  parts_.over(std::ssize(points.rows), who_, release, [&](int64_t first, int64_t count) {
    compute_part(part_of_points(points, static_cast<size_t>(first), static_cast<size_t>(count)), all, values,
                 errors);
  });
  for (const auto* part : {&values, &errors}) {
    const auto bytes = std::as_bytes(std::span(*part));
    all.numbers.insert(all.numbers.end(), bytes.begin(), bytes.end());
  }
  return all;
}

ChunkPoints DensityEvaluation::part_of_points(const ChunkPoints& points, size_t first, size_t count) const {
  const auto part = [&](const auto& list, size_t each) {
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first * each);
    return std::decay_t<decltype(list)>(begin, begin + static_cast<std::ptrdiff_t>(count * each));
  };
  return {part(points.rows, 1), part(points.bound, 1), part(points.values, size())};
}

// Adds rows that are integrated together.
void DensityEvaluation::compute_part(const ChunkPoints& points, Chunk& all, std::vector<double>& values,
                                     std::vector<double>& errors) {
  const Bound bound = source_.bind(points.bound);
  core::require(static_cast<bool>(bound.pull_back), "a density needs the network's gradient");
  if (!device_free_.defined()) device_free_ = free_.to(source_.device);
  if (exact() && !units_.vectors.defined()) units_ = unit_directions(free_, source_.device);
  const Directions directions =
      exact() ? units_
              : random_directions(free_, divergence_.seed, points.rows, divergence_.probes, source_.device);
  LogDensity found;
  if (recorded_ && std::ssize(points.rows) == rows_per_chunk()) {
    std::vector<at::Tensor> inputs{states(points)};
    if (!exact()) inputs.push_back(directions.vectors);
    const Followed end = recorded_->run(bound, inputs);
    found.value = end.outputs.front();
    if (end.outputs.size() > 1) found.standard_error = end.outputs.back();
    found.exhausted = at::zeros({std::ssize(points.rows)}, at::kBool);
    found.evaluations = end.evaluations;
  } else {
    found = density_of(bound, states(points), directions);
  }
  const at::Tensor exhausted = found.exhausted.to(at::kCPU), value = found.value.to(at::kCPU).contiguous();
  at::Tensor error = found.standard_error;
  if (error.defined()) error = error.to(at::kCPU).contiguous();
  all.evaluations = std::max(all.evaluations, found.evaluations);
  const auto append = [](auto& list, const auto* numbers, int64_t count) {
    list.insert(list.end(), numbers, numbers + count);
  };
  append(all.exhausted, exhausted.const_data_ptr<bool>(), exhausted.numel());
  append(values, value.const_data_ptr<double>(), value.numel());
  if (error.defined()) append(errors, error.const_data_ptr<double>(), error.numel());
}

LogDensity DensityEvaluation::density_of(const Bound& bound, const at::Tensor& states,
                                         Directions directions) const {
  const DensityEquation equation(*path_, bound.pull_back, device_free_, std::move(directions),
                                 std::max<int64_t>(1, memory_.pull_backs >> parts_.halvings()), spacing_);
  return log_density(equation, solver_, states, solver_options_);
}

// A device that records steps records whole chunks of fixed-step solvers, where their kernels are not too
// many to keep.
std::unique_ptr<RecordedChunks> DensityEvaluation::recording() {
  constexpr int64_t most_pull_backs = 1000;
  const int64_t steps = solver_options_.steps > 0 ? solver_options_.steps : solver_.default_steps;
  const int64_t directions = exact() ? free_.sum().item<int64_t>() : divergence_.probes;
  const int64_t pieces = (rows_per_chunk() * directions + memory_.pull_backs - 1) / memory_.pull_backs;
  if (source_.device.is_cpu() || source_.composed || solver_.adaptive ||
      steps * solver_.evaluations_per_step * pieces > most_pull_backs)
    return {};
  return std::make_unique<RecordedChunks>(
      source_.device, [this](const Bound& bound, const std::vector<at::Tensor>& inputs) -> Followed {
        Directions directions = units_;
        if (!exact()) directions = {inputs.back(), false, free_.sum().item<int64_t>()};
        const LogDensity found = density_of(bound, inputs.front(), std::move(directions));
        Followed end{{found.value}, found.evaluations};
        if (found.standard_error.defined()) end.outputs.push_back(found.standard_error);
        return end;
      });
}

FoundDensities DensityEvaluation::found_in(const Chunk& chunk, const ChunkPoints& points) const {
  const size_t count = points.rows.size();
  std::vector<double> numbers(count * (exact() ? 1 : 2));
  core::require(chunk.numbers.size() == numbers.size() * sizeof(double), "a chunk's key fixes its size");
  std::memcpy(numbers.data(), chunk.numbers.data(), chunk.numbers.size());
  FoundDensities found{{}, {}, chunk.evaluations, 0};
  for (size_t i = 0; i < count; ++i) {
    const auto value = std::span(points.values).subspan(i * size(), size());
    found.values.push_back(numbers[i] + offset_ + source_.frame.log_slope(value, given_));
    found.exhausted += chunk.exhausted[i];
    if (!exact()) found.standard_errors.push_back(numbers[count + i]);
  }
  return found;
}

}  // namespace fluxsbi::sample
