#include "sample/density/log_prob.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "sample/density/density_equation.hpp"
#include "sample/memory.hpp"

namespace fluxsbi::sample {

namespace {

// log N(x(start)) magnifies the state's error by its distance from 0, and errors of all steps add up: with
// this share of sampling's tolerances a log-density is right to ten times them.
constexpr double tolerance_share = 0.2;
constexpr double infinity = std::numeric_limits<double>::infinity();

class Evaluation {
 public:
  Evaluation(const Source& source, std::span<const double> values, int64_t rows,
             const DivergenceOptions& divergence, const SamplingOptions& options, const DensityMemory& memory)
      : source_(source),
        values_(values),
        rows_(rows),
        divergence_(divergence),
        memory_(memory),
        solver_(density_solver(options.solver)),
        path_(source.method->path()) {
    solver_options_.atol = options.atol * tolerance_share;
    solver_options_.rtol = options.rtol * tolerance_share;
    solver_options_.max_evaluations = options.max_evaluations;
    solver_options_.steps = options.steps.value_or(0);
    if (!solver_.adaptive) spacing_ = options.spacing.value_or(source.method->default_spacing());
    result_.values.assign(static_cast<size_t>(rows), -infinity);
    if (!divergence.exact) result_.standard_errors.assign(static_cast<size_t>(rows), 0);
    find_free();
  }

  LogProbs run(const Progress& progress) {
    const at::NoGradGuard no_gradient;
    check_points(values_, size());
    const std::vector<int64_t> inside = rows_in_support();
    result_.outside = rows_ - std::ssize(inside);
    const int64_t chunk = rows_per_chunk();
    for (int64_t begin = 0; begin < std::ssize(inside); begin += chunk) {
      core::interruption_point();
      const int64_t end = std::min(begin + chunk, std::ssize(inside));
      evaluate(std::span(inside).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
      if (progress) progress(end, std::ssize(inside));
    }
    warn();
    return std::move(result_);
  }

 private:
  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  bool given(size_t element) const { return !source_.given.empty() && !std::isnan(source_.given[element]); }

  // Which elements are inferred: as the first row of source.given says.
  void find_free() {
    free_ = at::full({source_.tokens, source_.channels}, true, at::kBool);
    for (size_t j = 0; j < size(); ++j) free_.data_ptr<bool>()[j] = !given(j);
    const at::Tensor end = at::full({}, path_->end(), at::kDouble);
    signal_ = path_->level(end).signal.item<double>();
    offset_ = static_cast<double>(free_.sum().item<int64_t>()) * std::log(signal_);
  }

  // Sum of log dz/dtheta over the inferred elements of a row.
  double log_slope(size_t row) const {
    double sum = 0;
    for (size_t j = 0; j < size(); ++j) {
      if (!given(j)) sum += source_.standardiser->log_slope(j, values_[row * size() + j]);
    }
    return sum;
  }

  std::vector<int64_t> rows_in_support() const {
    const auto dim = source_.prior ? static_cast<std::ptrdiff_t>(source_.prior->dim()) : 0;
    std::vector<uint8_t> is_given;  // [dim]
    for (std::ptrdiff_t j = 0; j < dim; ++j) is_given.push_back(given(static_cast<size_t>(j)));
    std::vector<int64_t> inside;
    for (int64_t row = 0; row < rows_; ++row) {
      const auto value = values_.subspan(static_cast<size_t>(row) * size(), size());
      const std::vector<double> theta(value.begin(), value.begin() + dim);
      if (!source_.prior || source_.prior->in_support(theta, is_given)) inside.push_back(row);
    }
    return inside;
  }

  // Rows whose states (with a solver's stages) and directions fit.
  int64_t rows_per_chunk() const {
    constexpr double stages = 14;
    const auto elements = static_cast<double>(size());
    const double probes = divergence_.exact ? 0 : static_cast<double>(divergence_.probes);
    const double bytes =
        sizeof(double) * stages * (elements + std::max(probes, 1.0)) + sizeof(float) * probes * elements;
    return static_cast<int64_t>(
        std::clamp(memory_.state_bytes / bytes, 1.0, static_cast<double>(memory_.pull_backs)));
  }

  // [n, L, C] float64, standardised, at the path's end.
  at::Tensor states(std::span<const int64_t> rows) const {
    std::vector<double> chosen;
    for (const int64_t row : rows) {
      const auto value = values_.subspan(static_cast<size_t>(row) * size(), size());
      chosen.insert(chosen.end(), value.begin(), value.end());
    }
    std::vector<float> standardised = source_.standardiser->apply(chosen);
    const at::Tensor state =
        at::from_blob(standardised.data(), {std::ssize(rows), source_.tokens, source_.channels}, at::kFloat);
    return (state.to(at::kDouble) * signal_).to(source_.device);
  }

  void evaluate(std::span<const int64_t> rows) {
    constexpr int64_t kind = -1;  // draws have their attempts, from 0 on
    const uint64_t key = chunk_key(kind, rows);
    std::optional<Chunk> chunk = source_.journal ? source_.journal->take(key) : std::nullopt;
    if (!chunk) {
      chunk = compute(rows);
      if (source_.journal) source_.journal->keep(key, *chunk);
    }
    result_.evaluations = std::max(result_.evaluations, chunk->evaluations);
    keep(rows, *chunk);
  }

  // numbers: float64, [rows] values and, of an estimated divergence, [rows] standard errors.
  Chunk compute(std::span<const int64_t> rows) {
    Chunk all;
    std::vector<double> values, errors;
    parts_.over(
        std::ssize(rows), source_.who, [] {},
        [&](int64_t first, int64_t count) {
          compute_part(rows.subspan(static_cast<size_t>(first), static_cast<size_t>(count)), all, values,
                       errors);
        });
    for (const auto* part : {&values, &errors}) {
      const auto bytes = std::as_bytes(std::span(*part));
      all.numbers.insert(all.numbers.end(), bytes.begin(), bytes.end());
    }
    return all;
  }

  // Adds rows that are integrated together.
  void compute_part(std::span<const int64_t> rows, Chunk& all, std::vector<double>& values,
                    std::vector<double>& errors) const {
    Bound bound = source_.bind(rows);
    core::require(static_cast<bool>(bound.pull_back), "a density needs the network's gradient");
    Directions directions = divergence_.exact ? unit_directions(free_, source_.device)
                                              : random_directions(free_, divergence_.seed, rows,
                                                                  divergence_.probes, source_.device);
    const DensityEquation equation(*path_, std::move(bound.pull_back), free_.to(source_.device),
                                   std::move(directions),
                                   std::max<int64_t>(1, memory_.pull_backs >> parts_.halvings()), spacing_);
    const LogDensity found = log_density(equation, solver_, states(rows), solver_options_);
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

  void keep(std::span<const int64_t> rows, const Chunk& chunk) {
    std::vector<double> numbers(rows.size() * (divergence_.exact ? 1 : 2));
    core::require(chunk.numbers.size() == numbers.size() * sizeof(double), "a chunk's key fixes its size");
    std::memcpy(numbers.data(), chunk.numbers.data(), chunk.numbers.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<size_t>(rows[i]);
      result_.values[row] = numbers[i] + offset_ + log_slope(row);
      if (std::isnan(result_.values[row])) failed_.push_back(rows[i]);
      exhausted_ += chunk.exhausted[i];
      if (!divergence_.exact) result_.standard_errors[row] = numbers[rows.size() + i];
    }
  }

  void warn() const {
    if (!divergence_.exact && divergence_.probes == 1)
      core::log::warning("one probe has no standard error: log_prob_se is NaN; take 2 probes or more");
    if (failed_.empty()) return;
    core::log::warning(
        source_.who + "log_prob is NaN for " + std::to_string(failed_.size()) + " of " +
        std::to_string(rows_) + " rows: " + core::list_first(failed_) + "; " +
        (exhausted_ > 0 ? "sampling.max_evaluations = " + std::to_string(solver_options_.max_evaluations) +
                              " was reached: raise it, loosen --atol and --rtol, or take a fixed-step solver"
                        : "the network's output is not finite there, or its slope too steep for float32"));
  }

  const Source& source_;
  std::span<const double> values_;
  int64_t rows_;
  const DivergenceOptions& divergence_;
  const DensityMemory& memory_;
  FittingParts parts_;  // of chunks that the device's memory does not hold
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  SolverOptions solver_options_;
  at::Tensor free_;  // [L, C] bool
  double offset_ = 0, signal_ = 1, spacing_ = 1;
  std::vector<int64_t> failed_;
  int64_t exhausted_ = 0;
  LogProbs result_;
};

}  // namespace

const SolverRow& density_solver(const std::string& name) {
  const SolverRow* chosen = chosen_solver(name);
  const SolverRow& row = chosen ? *chosen : find_solver("dopri5");
  if (row.tableau) return row;
  std::vector<std::string> able;
  for (const SolverRow& other : solvers()) {
    if (other.tableau) able.emplace_back(other.name);
  }
  throw core::UserError("the solver " + name +
                        " cannot compute densities, which need a Runge-Kutta solver of " +
                        "the deterministic equation; these can: " + core::join(able));
}

void check_points(std::span<const double> values, size_t size) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    throw core::UserError("row " + std::to_string(i / size) +
                          " (counted from 0) of the points holds a value that is not finite; a density needs "
                          "complete points: remove that row");
  }
}

LogProbs log_prob(const Source& source, std::span<const double> values, int64_t rows,
                  const DivergenceOptions& divergence, const SamplingOptions& options,
                  const DensityMemory& memory, const Progress& progress) {
  core::require(std::ssize(values) == rows * source.tokens * source.channels,
                "log_prob needs values [rows, L, C]");
  const core::InterruptScope stops;
  return Evaluation(source, values, rows, divergence, options, memory).run(progress);
}

}  // namespace fluxsbi::sample
