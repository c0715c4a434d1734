#include "sample/chunk_paths.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "sample/noise.hpp"

namespace fluxsbi::sample {

namespace {

SolverOptions solver_options_of(const SamplingOptions& options, const method::Method& method) {
  SolverOptions solver;
  NoiseOptions& noise = solver.noise;
  noise = {options.noise_amount, options.corrector, options.churn,
           options.churn_min,    noise.most,        options.churn_noise};
  if (options.churn_max) noise.most = *options.churn_max;
  solver.spacing = options.spacing.value_or(method.default_spacing());
  solver.atol = options.atol;
  solver.rtol = options.rtol;
  solver.max_evaluations = options.max_evaluations;
  solver.steps = options.steps.value_or(chosen_solver(options.solver) ? 0 : method.default_steps());
  return solver;
}

const SolverRow& solver_of(const SamplingOptions& options, const method::Method& method) {
  const SolverRow* chosen = chosen_solver(options.solver);
  return chosen ? *chosen : find_solver(method.default_solver());
}

Chunk chunk_of(const PathEnd& end) {
  Chunk chunk;
  chunk.evaluations = end.evaluations;
  const at::Tensor values = end.x.to(at::kCPU).contiguous(), exhausted = end.exhausted.to(at::kCPU);
  chunk.numbers.resize(static_cast<size_t>(values.numel()) * sizeof(float));
  std::memcpy(chunk.numbers.data(), values.const_data_ptr<float>(), chunk.numbers.size());
  chunk.exhausted.assign(exhausted.const_data_ptr<bool>(),
                         exhausted.const_data_ptr<bool>() + exhausted.numel());
  return chunk;
}

}  // namespace

ChunkPaths::ChunkPaths(const Source& source, const Amount& amount, const SamplingOptions& options,
                       std::string who)
    : source_(source),
      amount_(amount),
      options_(options),
      who_(std::move(who)),
      solver_(solver_of(options, *source.method)),
      path_(source.method->path()),
      solver_options_(solver_options_of(options, *source.method)),
      recorded_(recording()) {
  const std::string problem = solver_problem(solver_, *path_, source.method->name());
  if (!problem.empty()) throw core::UserError("sampling.solver " + problem);
  const std::string of_student = student_problem(options, *source.method);
  if (!of_student.empty()) throw core::UserError(of_student);
}

Chunk ChunkPaths::compute(std::span<const int64_t> items, std::span<const int64_t> rows, int64_t attempt) {
  Chunk all;
  const auto release = [&] {
    if (recorded_) recorded_->clear();
  };
  parts_.over(std::ssize(items), who_, release, [&](int64_t first, int64_t count) {
    const auto at = static_cast<size_t>(first), size = static_cast<size_t>(count);
    const Chunk part = compute_part(items.subspan(at, size), rows.subspan(at, size), attempt);
    all.evaluations = std::max(all.evaluations, part.evaluations);
    all.exhausted.insert(all.exhausted.end(), part.exhausted.begin(), part.exhausted.end());
    all.numbers.insert(all.numbers.end(), part.numbers.begin(), part.numbers.end());
  });
  return all;
}

// Integrates these items together.
Chunk ChunkPaths::compute_part(std::span<const int64_t> items, std::span<const int64_t> rows,
                               int64_t attempt) {
  const int64_t n = std::ssize(items), size = source_.tokens * source_.channels;
  std::vector<NoiseKey> keys;
  for (const int64_t item : items)
    keys.push_back({amount_.first_row + item / amount_.draws, number_of_draw(item), attempt});
  NormalNoise noise(amount_.seed, keys);
  const bool uploads = !source_.device.is_cpu();
  const auto normal = [&] {  // [n, tokens, channels], on the host; from there a device takes it by itself
    at::Tensor next = at::empty({n, source_.tokens, source_.channels},
                                at::TensorOptions(at::kFloat).pinned_memory(uploads));
    noise.fill({next.data_ptr<float>(), static_cast<size_t>(n * size)}, size);
    return next;
  };
  const Bound bound = source_.bind(rows);
  if (recorded_ && n == amount_.chunk) {
    const Followed end = recorded_->run(bound, {normal()});
    return chunk_of({end.outputs.front(), at::zeros({n}, at::kBool), end.evaluations});
  }
  SolverOptions options = solver_options_;
  options.normal = [&] { return normal().to(source_.device, at::kFloat, /*non_blocking=*/uploads); };
  if (solver_.adaptive && bound.given.defined()) {
    options.moving = bound.given.logical_not().to(at::kDouble).mean({1, 2}).expand({n});
  }
  return chunk_of(follow(bound, options.normal(), options, /*interruptible=*/true));
}

int64_t ChunkPaths::number_of_draw(int64_t item) const {
  return amount_.first_draw + item % amount_.draws * amount_.draw_step;
}

// Takes noise along the path of these conditions to the data, and counts evaluations.
PathEnd ChunkPaths::follow(const Bound& bound, const at::Tensor& noise, const SolverOptions& options,
                           bool interruptible) const {
  int64_t evaluations = 0;
  const auto counted = [&](const Evaluate& network) -> Evaluate {
    return [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
      if (interruptible) core::interruption_point();
      ++evaluations;
      return network(t, x, active);
    };
  };
  Guidance guidance = guidance_of(bound);
  if (guidance.unconditional) guidance.unconditional = counted(bound.unconditional);
  const Compose compose = [&](const at::Tensor& t, const at::Tensor& x) {
    evaluations += bound.composed_of;
    return bound.composed(*path_, t, x);
  };
  const PathEquation equation = bound.composed
                                    ? PathEquation(*path_, compose, bound.given)
                                    : PathEquation(*path_, counted(bound.network), bound.given, guidance);
  const Integration end = sample_path(solver_, equation, equation.initial(noise), options);
  return {end.x, end.exhausted, evaluations};
}

// A device that records steps records chunks by fixed-step solvers that draw nothing on the way, where
// their kernels are not too many to keep.
std::unique_ptr<RecordedChunks> ChunkPaths::recording() {
  constexpr int64_t most_steps = 1000;
  const int64_t steps = solver_options_.steps > 0 ? solver_options_.steps : solver_.default_steps;
  if (source_.composed || source_.device.is_cpu() || solver_.adaptive || solver_.stochastic ||
      steps > most_steps)
    return {};
  return std::make_unique<RecordedChunks>(
      source_.device, [this](const Bound& bound, const std::vector<at::Tensor>& noise) -> Followed {
        const PathEnd end = follow(bound, noise.front(), solver_options_, /*interruptible=*/false);
        return {{end.x}, end.evaluations};
      });
}

Guidance ChunkPaths::guidance_of(const Bound& bound) const {
  if (options_.guidance_scale == 1) return {};
  if (!bound.unconditional) {
    throw core::UserError("sampling.guidance_scale " + guidance_problem(options_.guidance_scale));
  }
  Guidance guidance{bound.unconditional, options_.guidance_scale, options_.guidance_min};
  if (options_.guidance_max) guidance.most = *options_.guidance_max;
  return guidance;
}

}  // namespace fluxsbi::sample
