#include "sample/density/log_prob.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <nlohmann/json.hpp>

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
constexpr std::ptrdiff_t most_named = 10;  // rows in a message

}  // namespace

// Points of one chunk.
struct ChunkPoints {
  std::vector<int64_t> rows;   // their numbers, by which probes and the chunk are keyed
  std::vector<int64_t> bound;  // what Source::bind knows them by
  std::vector<double> values;  // [rows, L, C]
};

// What is found of the points of a chunk.
struct FoundDensities {
  std::vector<double> values, standard_errors;
  int64_t evaluations = 0, exhausted = 0;
};

class DensityEvaluation {
 public:
  DensityEvaluation(const Source& source, const DivergenceOptions& divergence, const SamplingOptions& options,
                    const DensityMemory& memory)
      : source_(source),
        divergence_(divergence),
        memory_(memory),
        solver_(density_solver(options.solver)),
        path_(source.method->path()) {
    solver_options_.atol = options.atol * tolerance_share;
    solver_options_.rtol = options.rtol * tolerance_share;
    solver_options_.max_evaluations = options.max_evaluations;
    solver_options_.steps = options.steps.value_or(0);
    if (!solver_.adaptive) spacing_ = options.spacing.value_or(source.method->default_spacing());
    find_free();
  }

  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  bool exact() const { return divergence_.exact; }

  bool in_support(std::span<const double> value) const {
    if (!source_.prior) return true;
    const auto dim = static_cast<std::ptrdiff_t>(source_.prior->dim());
    const std::vector<double> theta(value.begin(), value.begin() + dim);
    return source_.prior->in_support(theta, given_components_);
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

  FoundDensities evaluate(const ChunkPoints& points) const {
    core::interruption_point();
    constexpr int64_t kind = -1;  // draws have their attempts, from 0 on
    const uint64_t key = chunk_key(kind, points.rows);
    std::optional<Chunk> chunk = source_.journal ? source_.journal->take(key) : std::nullopt;
    if (!chunk) {
      chunk = compute(points);
      if (source_.journal) source_.journal->keep(key, *chunk);
    }
    return found_in(*chunk, points);
  }

  // `failed`: the first rows without a density, of `count` such rows.
  void warn(const std::vector<int64_t>& failed, int64_t count, int64_t exhausted, int64_t rows) const {
    if (!divergence_.exact && divergence_.probes == 1)
      core::log::warning("one probe has no standard error: log_prob_se is NaN; take 2 probes or more");
    if (count == 0) return;
    const int64_t others = count - std::ssize(failed);
    core::log::warning(
        source_.who + "log_prob is NaN for " + std::to_string(count) + " of " + std::to_string(rows) +
        " rows: " + core::list_first(failed) +
        (others > 0 ? " " + core::and_more(static_cast<size_t>(others)) : "") + "; " +
        (exhausted > 0 ? "sampling.max_evaluations = " + std::to_string(solver_options_.max_evaluations) +
                             " was reached: raise it, loosen --atol and --rtol, or take a fixed-step solver"
                       : "the network's output is not finite there, or its slope too steep for float32"));
  }

 private:
  // Which elements are inferred: as the first row of source.given says.
  void find_free() {
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
  at::Tensor states(const ChunkPoints& points) const {
    std::vector<float> standardised = source_.frame.state_of(points.values, points.bound);
    const at::Tensor state = at::from_blob(
        standardised.data(), {std::ssize(points.rows), source_.tokens, source_.channels}, at::kFloat);
    return (state.to(at::kDouble) * signal_).to(source_.device);
  }

  // numbers: float64, [rows] values and, of an estimated divergence, [rows] standard errors.
  Chunk compute(const ChunkPoints& points) const {
    Chunk all;
    std::vector<double> values, errors;
    parts_.over(
        std::ssize(points.rows), source_.who, [] {},
        [&](int64_t first, int64_t count) {
          compute_part(part_of_points(points, static_cast<size_t>(first), static_cast<size_t>(count)), all,
                       values, errors);
        });
    for (const auto* part : {&values, &errors}) {
      const auto bytes = std::as_bytes(std::span(*part));
      all.numbers.insert(all.numbers.end(), bytes.begin(), bytes.end());
    }
    return all;
  }

  ChunkPoints part_of_points(const ChunkPoints& points, size_t first, size_t count) const {
    const auto part = [&](const auto& list, size_t each) {
      const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first * each);
      return std::decay_t<decltype(list)>(begin, begin + static_cast<std::ptrdiff_t>(count * each));
    };
    return {part(points.rows, 1), part(points.bound, 1), part(points.values, size())};
  }

  // Adds rows that are integrated together.
  void compute_part(const ChunkPoints& points, Chunk& all, std::vector<double>& values,
                    std::vector<double>& errors) const {
    Bound bound = source_.bind(points.bound);
    core::require(static_cast<bool>(bound.pull_back), "a density needs the network's gradient");
    Directions directions = divergence_.exact ? unit_directions(free_, source_.device)
                                              : random_directions(free_, divergence_.seed, points.rows,
                                                                  divergence_.probes, source_.device);
    const DensityEquation equation(*path_, std::move(bound.pull_back), free_.to(source_.device),
                                   std::move(directions),
                                   std::max<int64_t>(1, memory_.pull_backs >> parts_.halvings()), spacing_);
    const LogDensity found = log_density(equation, solver_, states(points), solver_options_);
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

  FoundDensities found_in(const Chunk& chunk, const ChunkPoints& points) const {
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

  const Source& source_;
  const DivergenceOptions divergence_;
  const DensityMemory memory_;
  mutable FittingParts parts_;  // of chunks that the device's memory does not hold
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  SolverOptions solver_options_;
  at::Tensor free_;                                // [L, C] bool
  std::vector<uint8_t> given_, given_components_;  // [L C]; [dim] of the prior
  double offset_ = 0, signal_ = 1, spacing_ = 1;
};

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

void check_point(std::span<const double> point, int64_t row) {
  if (std::all_of(point.begin(), point.end(), [](double value) { return std::isfinite(value); })) return;
  throw core::UserError("row " + std::to_string(row) +
                        " (counted from 0) of the points holds a value that is not finite; a density needs "
                        "complete points: remove that row");
}

void check_points(std::span<const double> values, size_t size) {
  for (size_t row = 0; row < values.size() / size; ++row)
    check_point(values.subspan(row * size, size), static_cast<int64_t>(row));
}

LogProbs log_prob(const Source& source, std::span<const double> values, std::span<const int64_t> bound,
                  const DivergenceOptions& divergence, const SamplingOptions& options,
                  const DensityMemory& memory, const Progress& progress) {
  const int64_t rows = std::ssize(bound);
  core::require(std::ssize(values) == rows * source.tokens * source.channels,
                "log_prob needs values [rows, L, C]");
  const core::InterruptScope stops;
  const auto size = static_cast<size_t>(source.tokens * source.channels);
  check_points(values, size);
  constexpr int64_t points_at_once = 1024;  // between two reports of progress
  DensityBlocks blocks(source, divergence, options, memory);
  LogProbs all;
  const auto take = [&] {
    const LogProbs some = blocks.take();
    all.values.insert(all.values.end(), some.values.begin(), some.values.end());
    all.standard_errors.insert(all.standard_errors.end(), some.standard_errors.begin(),
                               some.standard_errors.end());
    all.outside += some.outside;
    all.evaluations = std::max(all.evaluations, some.evaluations);
    if (progress && !some.values.empty()) progress(std::ssize(all.values), rows);
  };
  for (int64_t first = 0; first < rows; first += points_at_once) {
    const auto count = static_cast<size_t>(std::min(points_at_once, rows - first));
    blocks.add(values.subspan(static_cast<size_t>(first) * size, count * size),
               bound.subspan(static_cast<size_t>(first), count));
    take();
  }
  blocks.end_part();
  take();
  blocks.finish();
  return all;
}

// The results of points in their order, of which those from the first waiting point on are not all known.
class DensityBlocks::Work {
 public:
  Work(const Source& source, const DivergenceOptions& divergence, const SamplingOptions& options,
       const DensityMemory& memory)
      : evaluation_(source, divergence, options, memory), chunk_(evaluation_.rows_per_chunk()) {}

  void add(std::span<const double> values, std::span<const int64_t> bound) {
    const size_t size = evaluation_.size();
    core::require(values.size() == bound.size() * size, "DensityBlocks needs values [n, L, C]");
    for (size_t i = 0; i < bound.size(); ++i) {
      const auto value = values.subspan(i * size, size);
      if (bound[i] < 0) {
        push(Kind::skipped, std::numeric_limits<double>::quiet_NaN());
      } else if (!evaluation_.in_support(value)) {
        ++next_row_;
        push(Kind::outside, -infinity);
      } else {
        waiting_.rows.push_back(next_row_++);
        waiting_.bound.push_back(bound[i]);
        waiting_.values.insert(waiting_.values.end(), value.begin(), value.end());
        places_.push_back(values_.size());
        push(Kind::inside, 0);
        if (std::ssize(waiting_.rows) == chunk_) evaluate();
      }
    }
  }

  void end_part() {
    if (!waiting_.rows.empty()) evaluate();
    next_row_ = taken_row_ = 0;
  }

  LogProbs take() {
    const size_t known = places_.empty() ? values_.size() : places_.front();
    const auto end = static_cast<std::ptrdiff_t>(known);
    LogProbs first;
    first.values.assign(values_.begin(), values_.begin() + end);
    if (!evaluation_.exact())
      first.standard_errors.assign(standard_errors_.begin(), standard_errors_.begin() + end);
    for (size_t i = 0; i < known; ++i) {
      first.outside += kinds_[i] == Kind::outside;
      if (kinds_[i] == Kind::inside && std::isnan(values_[i])) {
        if (std::ssize(state_.failed) < most_named)
          state_.failed.push_back(state_.taken + static_cast<int64_t>(i));
        ++state_.failures;
      }
    }
    first.evaluations = state_.evaluations;
    values_.erase(values_.begin(), values_.begin() + end);
    kinds_.erase(kinds_.begin(), kinds_.begin() + end);
    if (!evaluation_.exact())
      standard_errors_.erase(standard_errors_.begin(), standard_errors_.begin() + end);
    for (size_t& place : places_) place -= known;
    state_.taken += end;
    taken_row_ = places_.empty() ? next_row_ : waiting_.rows.front();
    return first;
  }

  void finish() const { evaluation_.warn(state_.failed, state_.failures, state_.exhausted, state_.taken); }

  std::string state() const {
    return nlohmann::json{{"taken", state_.taken},
                          {"row", taken_row_},
                          {"failures", state_.failures},
                          {"failed", state_.failed},
                          {"evaluations", state_.evaluations},
                          {"exhausted", state_.exhausted}}
        .dump();
  }

  void restore(const std::string& text) {
    const auto kept = nlohmann::json::parse(text);
    state_ = {kept.at("taken").get<int64_t>(), kept.at("failures").get<int64_t>(),
              kept.at("evaluations").get<int64_t>(), kept.at("exhausted").get<int64_t>(),
              kept.at("failed").get<std::vector<int64_t>>()};
    next_row_ = taken_row_ = kept.at("row").get<int64_t>();
  }

 private:
  enum class Kind : uint8_t { inside, outside, skipped };
  struct State {
    int64_t taken = 0;  // points whose results were taken
    int64_t failures = 0, evaluations = 0, exhausted = 0;
    std::vector<int64_t> failed;  // the first of them
  };

  void push(Kind kind, double value) {
    kinds_.push_back(kind);
    values_.push_back(value);
    if (!evaluation_.exact())
      standard_errors_.push_back(kind == Kind::skipped ? std::numeric_limits<double>::quiet_NaN() : 0);
  }

  void evaluate() {
    const FoundDensities found = evaluation_.evaluate(waiting_);
    state_.evaluations = std::max(state_.evaluations, found.evaluations);
    state_.exhausted += found.exhausted;
    for (size_t i = 0; i < places_.size(); ++i) {
      values_[places_[i]] = found.values[i];
      if (!evaluation_.exact()) standard_errors_[places_[i]] = found.standard_errors[i];
    }
    places_.clear();
    waiting_ = {};
  }

  const DensityEvaluation evaluation_;
  const int64_t chunk_;
  ChunkPoints waiting_;                           // for a chunk to be full
  std::vector<size_t> places_;                    // of these points among the values
  std::vector<double> values_, standard_errors_;  // not taken yet
  std::vector<Kind> kinds_;                       // of the values
  int64_t next_row_ = 0, taken_row_ = 0;          // of the next point, of the first one not taken
  State state_;
};

DensityBlocks::DensityBlocks(const Source& source, const DivergenceOptions& divergence,
                             const SamplingOptions& options, const DensityMemory& memory)
    : work_(std::make_unique<Work>(source, divergence, options, memory)) {}

DensityBlocks::~DensityBlocks() = default;

void DensityBlocks::add(std::span<const double> values, std::span<const int64_t> bound) {
  const at::NoGradGuard no_gradient;
  work_->add(values, bound);
}

void DensityBlocks::end_part() {
  const at::NoGradGuard no_gradient;
  work_->end_part();
}

LogProbs DensityBlocks::take() {
  return work_->take();
}

void DensityBlocks::finish() const {
  work_->finish();
}

std::string DensityBlocks::state() const {
  return work_->state();
}

void DensityBlocks::restore(const std::string& state) {
  work_->restore(state);
}

}  // namespace fluxsbi::sample
