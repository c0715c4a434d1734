#include "sample/draw.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/system.hpp"
#include "core/text.hpp"
#include "sample/noise.hpp"
#include "sample/rejection.hpp"
#include "sample/solver/solver.hpp"

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

// Samples are items: item = row * draws + draw.
class Drawing {
 public:
  Drawing(const Source& source, const Amount& amount, const SamplingOptions& options,
          const Progress& progress)
      : source_(source),
        amount_(amount),
        options_(options),
        progress_(progress),
        solver_(solver_of(options, *source.method)),
        path_(source.method->path()),
        solver_options_(solver_options_of(options, *source.method)),
        total_(amount.rows * amount.draws),
        rejection_(amount.rows, source.prior, source.theta_names, options) {
    const std::string problem = solver_problem(solver_, *path_, source.method->name());
    if (!problem.empty()) throw core::UserError("sampling.solver " + problem);
    samples_.rows = amount.rows;
    samples_.draws = amount.draws;
    samples_.tokens = source.kept;
    samples_.channels = source.channels;
    samples_.values.assign(static_cast<size_t>(total_ * source.kept * source.channels),
                           std::numeric_limits<double>::quiet_NaN());
    samples_.filled.assign(static_cast<size_t>(total_), 0);
  }

  Samples run() {
    const double begin = core::steady_seconds();
    std::vector<int64_t> pending = draw_all();
    const double now = core::steady_seconds(), deadline = now + options_.max_seconds;
    if (!pending.empty() && finite_ > 0)
      rejection_.report_first_pass(std::ssize(pending), now - begin, source_.who);
    given_up_ = finite_ > 0 ? rejection_.give_up(pending, amount_.draws) : 0;
    if (!pending.empty() && finite_ > 0 && rejection_.out_of_time(now - begin)) {
      out_of_time_ = true;
      given_up_ += std::ssize(pending);
      pending.clear();
    }
    int64_t attempt = 1;
    while (!pending.empty() && attempt <= options_.max_tries) {
      if (finite_ == 0 || core::steady_seconds() > deadline) break;
      pending = draw_again(pending, attempt++, deadline);
      given_up_ += rejection_.give_up(pending, amount_.draws);
    }
    const int64_t missing = std::ssize(pending) + given_up_;
    if (missing > 0) warn_unfilled(missing, attempt > options_.max_tries);
    if (!exhausted_.empty()) warn_exhausted();
    return std::move(samples_);
  }

 private:
  // The first try of every item. Returns those that were rejected.
  std::vector<int64_t> draw_all() {
    std::vector<int64_t> rejected;
    for (int64_t begin = 0; begin < total_; begin += amount_.chunk) {
      std::vector<int64_t> items(static_cast<size_t>(std::min(amount_.chunk, total_ - begin)));
      std::iota(items.begin(), items.end(), begin);
      draw_chunk(items, 0, rejected);
      report(begin + std::ssize(items) - std::ssize(rejected));
    }
    return rejected;
  }

  // Another try of these items. Returns those that were rejected, and from the deadline on those that were
  // not tried.
  std::vector<int64_t> draw_again(std::span<const int64_t> items, int64_t attempt, double deadline) {
    const int64_t count = std::ssize(items);
    std::vector<int64_t> rejected;
    for (int64_t begin = 0; begin < count; begin += amount_.chunk) {
      const auto rest = items.subspan(static_cast<size_t>(begin));
      if (core::steady_seconds() > deadline) {
        rejected.insert(rejected.end(), rest.begin(), rest.end());
        break;
      }
      const auto chunk = rest.first(std::min(rest.size(), static_cast<size_t>(amount_.chunk)));
      draw_chunk(chunk, attempt, rejected);
      report(total_ - count + begin + std::ssize(chunk) - std::ssize(rejected));
    }
    return rejected;
  }

  void report(int64_t done) const {
    if (progress_) progress_(done, total_);
  }

  // Draws these items together; adds those that are to be redrawn to `rejected`.
  void draw_chunk(std::span<const int64_t> items, int64_t attempt, std::vector<int64_t>& rejected) {
    core::interruption_point();
    std::vector<int64_t> rows;
    for (const int64_t item : items) rows.push_back(item / amount_.draws);
    constexpr int attempt_bits = 32;
    const uint64_t key = chunk_key(attempt + (amount_.first_draw << attempt_bits), items);
    std::optional<Chunk> chunk = source_.journal ? source_.journal->take(key) : std::nullopt;
    if (!chunk) {
      chunk = compute(items, rows, attempt);
      if (source_.journal) source_.journal->keep(key, *chunk);
    }
    remember_exhausted(chunk->exhausted, rows);
    samples_.evaluations = std::max(samples_.evaluations, chunk->evaluations);
    std::vector<float> values(items.size() * static_cast<size_t>(state_size()));
    core::require(chunk->numbers.size() == values.size() * sizeof(float), "a chunk's key fixes its size");
    std::memcpy(values.data(), chunk->numbers.data(), chunk->numbers.size());
    keep(items, values, rejected);
  }

  // Integrates these items together. numbers: float32 [items, state_size()], standardised.
  Chunk compute(std::span<const int64_t> items, std::span<const int64_t> rows, int64_t attempt) {
    const int64_t n = std::ssize(items), size = state_size();
    std::vector<NoiseKey> keys;
    for (const int64_t item : items)
      keys.push_back({amount_.first_row + item / amount_.draws, number_of_draw(item), attempt});
    NormalNoise noise(amount_.seed, keys);
    const auto normal = [&] {  // [n, tokens, channels], on the host
      at::Tensor next = at::empty({n, source_.tokens, source_.channels}, at::kFloat);
      noise.fill({next.data_ptr<float>(), static_cast<size_t>(n * size)}, size);
      return next;
    };
    const Bound bound = source_.bind(rows);
    SolverOptions options = solver_options_;
    options.normal = [&] { return normal().to(source_.device); };
    if (bound.given.defined()) {
      options.moving = bound.given.logical_not().to(at::kDouble).mean({1, 2}).expand({n});
    }
    return integrate_path(bound, options);
  }

  int64_t number_of_draw(int64_t item) const {
    return amount_.first_draw + item % amount_.draws * amount_.draw_step;
  }

  // Takes fresh noise along the path of these conditions to the data, and counts evaluations.
  Chunk integrate_path(const Bound& bound, const SolverOptions& options) {
    Chunk chunk;
    const auto counted = [&](const Evaluate& network) -> Evaluate {
      return [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
        core::interruption_point();
        ++chunk.evaluations;
        return network(t, x, active);
      };
    };
    Guidance guidance = guidance_of(bound);
    if (guidance.unconditional) guidance.unconditional = counted(bound.unconditional);
    const PathEquation equation(*path_, counted(bound.network), bound.given, guidance);
    const Integration end = sample_path(solver_, equation, equation.initial(options.normal()), options);
    const at::Tensor values = end.x.to(at::kCPU).contiguous(), exhausted = end.exhausted.to(at::kCPU);
    chunk.numbers.resize(static_cast<size_t>(values.numel()) * sizeof(float));
    std::memcpy(chunk.numbers.data(), values.const_data_ptr<float>(), chunk.numbers.size());
    chunk.exhausted.assign(exhausted.const_data_ptr<bool>(),
                           exhausted.const_data_ptr<bool>() + exhausted.numel());
    return chunk;
  }

  Guidance guidance_of(const Bound& bound) const {
    if (options_.guidance_scale == 1) return {};
    if (!bound.unconditional) {
      throw core::UserError("sampling.guidance_scale " + guidance_problem(options_.guidance_scale));
    }
    Guidance guidance{bound.unconditional, options_.guidance_scale, options_.guidance_min};
    if (options_.guidance_max) guidance.most = *options_.guidance_max;
    return guidance;
  }

  void remember_exhausted(std::span<const uint8_t> exhausted, std::span<const int64_t> rows) {
    for (size_t i = 0; i < exhausted.size(); ++i) {
      if (exhausted[i]) exhausted_.insert(amount_.first_row + rows[i]);
    }
  }

  // Keeps what is finite and supported; the rest goes into `rejected`. standardised: [items, state_size()].
  void keep(std::span<const int64_t> items, std::span<const float> standardised,
            std::vector<int64_t>& rejected) {
    const auto size = static_cast<size_t>(state_size()),
               kept = static_cast<size_t>(source_.kept * source_.channels);
    std::vector<double> values = source_.standardiser->invert(standardised);
    samples_.drawn += std::ssize(items);
    for (size_t i = 0; i < items.size(); ++i) {
      const auto value = std::span(values).subspan(i * size, size);
      const auto given = given_of(items[i] / amount_.draws);
      put_given(value, given);
      const bool finite = std::all_of(value.begin(), value.end(), [](double v) { return std::isfinite(v); });
      finite_ += finite;
      const bool good = finite && in_support(value, given);
      tell_rejection(items[i] / amount_.draws, value, finite, good);
      if (!good) {
        rejected.push_back(items[i]);
        continue;
      }
      const auto item = static_cast<size_t>(items[i]);
      std::copy_n(value.begin(), kept, samples_.values.begin() + static_cast<std::ptrdiff_t>(item * kept));
      samples_.filled[item] = 1;
    }
  }

  // What this try says of its observation; only theta of rejected ones is looked at.
  void tell_rejection(int64_t row, const auto& value, bool finite, bool good) {
    if (!finite) return rejection_.count_broken(row);
    std::vector<double> theta;
    if (!good) theta.assign(value.begin(), value.begin() + source_.prior->dim());
    rejection_.count(row, good, theta);
  }

  // What is given of a row's state, NaN where it is inferred; empty where nothing is given.
  std::span<const double> given_of(int64_t row) const {
    if (source_.given.empty()) return {};
    const auto size = static_cast<size_t>(state_size());
    return source_.given.subspan(static_cast<size_t>(row) * size, size);
  }

  static void put_given(std::span<double> value, std::span<const double> given) {
    for (size_t j = 0; j < given.size(); ++j) {
      if (!std::isnan(given[j])) value[j] = given[j];
    }
  }

  // Whether the inferred part of theta lies in the prior's support, where that is asked for.
  bool in_support(std::span<const double> value, std::span<const double> given) const {
    if (!options_.reject || !source_.prior) return true;
    const auto dim = static_cast<std::ptrdiff_t>(source_.prior->dim());
    const std::vector<double> theta(value.begin(), value.begin() + dim);
    std::vector<uint8_t> is_given;  // [dim]; empty where all of theta is inferred
    if (!given.empty()) {
      for (std::ptrdiff_t j = 0; j < dim; ++j) is_given.push_back(!std::isnan(given[static_cast<size_t>(j)]));
    }
    return source_.prior->in_support(theta, is_given);
  }

  int64_t state_size() const { return source_.tokens * source_.channels; }

  void warn_unfilled(int64_t missing, bool out_of_tries) const {
    const std::string reason =
        finite_ == 0   ? "the network's output is not finite"
        : out_of_time_ ? "they were given up, since more than half of them would still be missing after "
                         "sampling.max_seconds = " +
                             core::number_text(options_.max_seconds)
        : given_up_ > 0
            ? std::to_string(given_up_) +
                  " were given up, since sampling.max_tries = " + std::to_string(options_.max_tries) +
                  " further tries are unlikely to fill most of them"
        : out_of_tries ? "sampling.max_tries was reached"
                       : "sampling.max_seconds was reached";
    const std::string where = rejection_.where();
    core::log::warning(source_.who + std::to_string(missing) + " of " + std::to_string(total_) +
                       " samples could not be filled and are NaN: " + reason + " (acceptance rate " +
                       core::number_text(std::round(samples_.acceptance() * 1e4) / 1e4) + ")" +
                       (where.empty() ? ""
                                      : "; " + where +
                                            ": other units, a wrong prior, or an observation "
                                            "unlike the training data?"));
  }

  void warn_exhausted() const {
    const std::vector<int64_t> rows(exhausted_.begin(), exhausted_.end());
    core::log::warning(
        source_.who + "samples of " + std::to_string(exhausted_.size()) +
        " observations ran into sampling.max_evaluations = " + std::to_string(options_.max_evaluations) +
        " and were drawn again; rows " + core::list_first(rows) +
        "; raise it, loosen sampling.atol and rtol, or take a fixed-step solver");
  }

  const Source& source_;
  const Amount& amount_;
  const SamplingOptions& options_;
  const Progress& progress_;
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  const SolverOptions solver_options_;
  const int64_t total_;
  std::set<int64_t> exhausted_;  // observations of which a sample ran out of evaluations
  int64_t finite_ = 0, given_up_ = 0;
  bool out_of_time_ = false;
  Rejection rejection_;
  Samples samples_;
};

}  // namespace

Samples draw(const Source& source, const Amount& amount, const SamplingOptions& options,
             const Progress& progress) {
  core::require(amount.rows >= 0 && amount.draws >= 0 && amount.chunk >= 1,
                "draw needs a chunk of at least 1");
  const at::NoGradGuard no_gradient;
  const core::InterruptScope stops;
  return Drawing(source, amount, options, progress).run();
}

}  // namespace fluxsbi::sample
