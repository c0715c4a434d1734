#include "sample/density/log_prob.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "sample/chunk_queue.hpp"
#include "sample/density/density_evaluation.hpp"

namespace fluxsbi::sample {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::ptrdiff_t most_named = 10;  // rows in a message

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
      : source_(source) {
    for (size_t i = 0; i <= source.beside.size(); ++i)
      evaluations_.push_back(std::make_unique<DensityEvaluation>(source.on_device(i), divergence, options,
                                                                 memory, source.who_on(i)));
    chunk_ = evaluation().rows_per_chunk();
  }

  void add(std::span<const double> values, std::span<const int64_t> bound) {
    const size_t size = evaluation().size();
    core::require(values.size() == bound.size() * size, "DensityBlocks needs values [n, L, C]");
    for (size_t i = 0; i < bound.size(); ++i) {
      const auto value = values.subspan(i * size, size);
      if (bound[i] < 0) {
        push(Kind::skipped, std::numeric_limits<double>::quiet_NaN());
      } else if (!evaluation().in_support(value)) {
        ++next_row_;
        push(Kind::outside, -infinity);
      } else {
        waiting_.rows.push_back(next_row_++);
        waiting_.bound.push_back(bound[i]);
        waiting_.values.insert(waiting_.values.end(), value.begin(), value.end());
        waiting_places_.push_back(offset_ + values_.size());
        push(Kind::inside, 0);
        if (std::ssize(waiting_.rows) == chunk_) ask();
      }
    }
  }

  void end_part() {
    if (!waiting_.rows.empty()) ask();
    while (!asked_.empty()) settle();
    next_row_ = taken_row_ = 0;
  }

  LogProbs take() {
    const size_t known = first_unknown() - offset_;
    const auto end = static_cast<std::ptrdiff_t>(known);
    LogProbs first;
    first.values.assign(values_.begin(), values_.begin() + end);
    if (!evaluation().exact())
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
    if (!evaluation().exact())
      standard_errors_.erase(standard_errors_.begin(), standard_errors_.begin() + end);
    offset_ += known;
    state_.taken += end;
    taken_row_ = !asked_.empty()          ? asked_.front().points.rows.front()
                 : !waiting_.rows.empty() ? waiting_.rows.front()
                                          : next_row_;
    return first;
  }

  void finish() const { evaluation().warn(state_.failed, state_.failures, state_.exhausted, state_.taken); }

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
    if (!evaluation().exact())
      standard_errors_.push_back(kind == Kind::skipped ? std::numeric_limits<double>::quiet_NaN() : 0);
  }

  // Points of a chunk that the queue computes, and their places among the values, counted from the first one
  // that was ever added.
  struct Asked {
    ChunkPoints points;
    std::vector<size_t> places;
    uint64_t key = 0;
    bool kept = false;  // in the journal already
  };

  const DensityEvaluation& evaluation() const { return *evaluations_.front(); }

  size_t first_unknown() const {
    if (!asked_.empty()) return asked_.front().places.front();
    return waiting_places_.empty() ? offset_ + values_.size() : waiting_places_.front();
  }

  // Has the points that wait evaluated, by whichever device is free.
  void ask() {
    core::interruption_point();
    asked_.push_back({std::exchange(waiting_, {}), std::exchange(waiting_places_, {})});
    Asked& asked = asked_.back();
    asked.key = DensityEvaluation::key_of(asked.points);
    std::optional<Chunk> chunk = source_.journal ? source_.journal->take(asked.key) : std::nullopt;
    asked.kept = chunk.has_value();
    if (chunk) {
      queue_.put(std::move(*chunk));
    } else {
      queue_.ask(
          [this, &points = asked.points](size_t device) { return evaluations_[device]->compute(points); });
    }
    if (queue_.full()) settle();
  }

  // Takes in the first chunk of those that were asked for.
  void settle() {
    const Chunk chunk = queue_.take();
    const Asked asked = std::move(asked_.front());
    asked_.pop_front();
    if (source_.journal && !asked.kept) source_.journal->keep(asked.key, chunk);
    const FoundDensities found = evaluation().found_in(chunk, asked.points);
    state_.evaluations = std::max(state_.evaluations, found.evaluations);
    state_.exhausted += found.exhausted;
    for (size_t i = 0; i < asked.places.size(); ++i) {
      values_[asked.places[i] - offset_] = found.values[i];
      if (!evaluation().exact()) standard_errors_[asked.places[i] - offset_] = found.standard_errors[i];
    }
  }

  const Source& source_;
  std::vector<std::unique_ptr<DensityEvaluation>> evaluations_;  // one a device
  int64_t chunk_ = 1;
  ChunkPoints waiting_;  // for a chunk to be full
  std::vector<size_t> waiting_places_;
  std::deque<Asked> asked_;
  size_t offset_ = 0;                             // of the first value that was not taken
  std::vector<double> values_, standard_errors_;  // not taken yet
  std::vector<Kind> kinds_;                       // of the values
  int64_t next_row_ = 0, taken_row_ = 0;          // of the next point, of the first one not taken
  State state_;
  ChunkQueue queue_{source_.devices()};
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
