#include "sample/draw.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
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
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

namespace {

class Drawing {
 public:
  Drawing(const Source& source, const Amount& amount, const SamplingOptions& options,
          const Progress& progress)
      : source_(source),
        amount_(amount),
        options_(options),
        progress_(progress),
        solver_(find_solver(options.solver == "auto" ? source.method->default_solver() : options.solver)),
        path_(source.method->path()),
        total_(amount.rows * amount.draws) {
    const std::string problem = solver_problem(solver_, *path_, source.method->name());
    if (!problem.empty()) throw core::UserError("sampling.solver " + problem);
    NoiseOptions& noise = solver_options_.noise;
    noise = {options.noise_amount, options.corrector, options.churn,
             options.churn_min,    noise.most,        options.churn_noise};
    if (options.churn_max) noise.most = *options.churn_max;
    solver_options_.spacing = options.spacing.value_or(source.method->default_spacing());
    solver_options_.atol = options.atol;
    solver_options_.rtol = options.rtol;
    solver_options_.max_evaluations = options.max_evaluations;
    const int64_t default_steps = options.solver == "auto" ? source.method->default_steps() : 0;
    solver_options_.steps = options.steps.value_or(default_steps);
    samples_.rows = amount.rows;
    samples_.draws = amount.draws;
    samples_.tokens = source.kept;
    samples_.channels = source.channels;
    samples_.values.assign(static_cast<size_t>(total_ * source.kept * source.channels),
                           std::numeric_limits<float>::quiet_NaN());
    samples_.filled.assign(static_cast<size_t>(total_), 0);
  }

  Samples run() {
    std::vector<int64_t> pending = pass(nullptr);
    deadline_ = core::steady_seconds() + options_.max_seconds;
    for (attempt_ = 1; !pending.empty() && attempt_ <= options_.max_tries; ++attempt_) {
      if (finite_ == 0 || core::steady_seconds() > deadline_) break;
      pending = pass(&pending);
    }
    if (!pending.empty()) warn(static_cast<int64_t>(pending.size()));
    if (!exhausted_.empty()) warn_exhausted();
    return std::move(samples_);
  }

 private:
  // Draws every listed item once (nullptr: all) and returns those to be redrawn. Item = row * draws + draw.
  std::vector<int64_t> pass(const std::vector<int64_t>* list) {
    const int64_t count = list ? static_cast<int64_t>(list->size()) : total_;
    std::vector<int64_t> rejected;
    for (int64_t begin = 0; begin < count; begin += amount_.chunk) {
      if (const int signal = core::stop_requested()) {
        throw core::Stopped(std::string("sampling was stopped by ") + core::signal_name(signal) +
                            "; nothing was written");
      }
      if (attempt_ > 0 && core::steady_seconds() > deadline_) {
        rejected.insert(rejected.end(), list->begin() + begin, list->end());
        break;
      }
      std::vector<int64_t> items;
      for (int64_t i = begin; i < std::min(begin + amount_.chunk, count); ++i) {
        items.push_back(list ? (*list)[static_cast<size_t>(i)] : i);
      }
      chunk(items, rejected);
      const auto tried = begin + static_cast<int64_t>(items.size());
      if (progress_) progress_(total_ - count + tried - static_cast<int64_t>(rejected.size()), total_);
    }
    return rejected;
  }

  void chunk(const std::vector<int64_t>& items, std::vector<int64_t>& rejected) {
    const int64_t n = static_cast<int64_t>(items.size()), size = state_size();
    std::vector<int64_t> rows;
    std::vector<NoiseKey> keys;
    for (const int64_t item : items) {
      rows.push_back(item / amount_.draws);
      keys.push_back({amount_.first_row + rows.back(), item % amount_.draws, attempt_});
    }
    NormalNoise noise(amount_.seed, keys);
    const auto normal = [&] {  // [n, tokens, channels], on the host
      at::Tensor next = at::empty({n, source_.tokens, source_.channels}, at::kFloat);
      noise.fill({next.data_ptr<float>(), static_cast<size_t>(n * size)}, size);
      return next;
    };
    int64_t evaluations = 0;
    const Bound bound = source_.bind(rows);
    const auto counted = [&](const Evaluate& network) -> Evaluate {
      return [&](const at::Tensor& t, const at::Tensor& x, const at::Tensor& active) {
        ++evaluations;
        return network(t, x, active);
      };
    };
    Guidance guidance = guidance_of(bound);
    if (guidance.unconditional) guidance.unconditional = counted(bound.unconditional);
    const PathEquation equation(*path_, counted(bound.network), bound.given, guidance);
    SolverOptions options = solver_options_;
    options.normal = [&] { return normal().to(source_.device); };
    if (bound.given.defined()) {
      options.moving = bound.given.logical_not().to(at::kDouble).mean({1, 2}).expand({n});
    }
    const Integration end = sample_path(solver_, equation, equation.initial(options.normal()), options);
    samples_.evaluations = std::max(samples_.evaluations, evaluations);
    remember_exhausted(end, rows);
    at::Tensor values = end.x.to(at::kCPU).contiguous();
    settle(items, {values.data_ptr<float>(), static_cast<size_t>(n * size)}, rejected);
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

  void remember_exhausted(const Integration& end, const std::vector<int64_t>& rows) {
    const at::Tensor which = end.exhausted.nonzero().view(-1).to(at::kCPU);
    for (int64_t i = 0; i < which.numel(); ++i) {
      exhausted_.insert(amount_.first_row + rows[static_cast<size_t>(which.data_ptr<int64_t>()[i])]);
    }
  }

  // Keeps what is finite and supported; the rest goes into `rejected`. values: [items, state_size()],
  // standardised.
  void settle(const std::vector<int64_t>& items, std::span<float> values, std::vector<int64_t>& rejected) {
    const auto size = static_cast<size_t>(state_size()),
               kept = static_cast<size_t>(source_.kept * source_.channels);
    source_.standardiser->invert(values);
    samples_.drawn += static_cast<int64_t>(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      const auto value = values.subspan(i * size, size);
      const bool in_support = restore_given(value, items[i] / amount_.draws);
      const bool finite = std::all_of(value.begin(), value.end(), [](float v) { return std::isfinite(v); });
      finite_ += finite;
      if (!finite || !in_support) {
        rejected.push_back(items[i]);
        continue;
      }
      const auto item = static_cast<size_t>(items[i]);
      std::copy_n(value.begin(), kept, samples_.values.begin() + static_cast<std::ptrdiff_t>(item * kept));
      samples_.filled[item] = 1;
    }
  }

  // Puts what is given into its place, and says whether what was inferred lies in the prior's support.
  bool restore_given(std::span<float> value, int64_t row) const {
    const bool checks = options_.reject && source_.prior;
    const size_t theta = checks ? static_cast<size_t>(source_.prior->dim()) : 0;
    const size_t first = static_cast<size_t>(row) * value.size();
    bool in_support = true;
    for (size_t j = 0; j < value.size(); ++j) {
      if (!source_.given.empty() && !std::isnan(source_.given[first + j])) {
        value[j] = source_.given[first + j];
      } else if (j < theta) {
        in_support = in_support && source_.prior->component_in_support(j, value[j]);
      }
    }
    return in_support;
  }

  int64_t state_size() const { return source_.tokens * source_.channels; }

  void warn(int64_t missing) const {
    const char* reason = finite_ == 0                    ? "the network's output is not finite"
                         : attempt_ > options_.max_tries ? "sampling.max_tries was reached"
                                                         : "sampling.max_seconds was reached";
    core::log::warning(std::to_string(missing) + " of " + std::to_string(total_) +
                       " samples could not be filled and are NaN: " + reason + " (acceptance rate " +
                       core::number_text(std::round(samples_.acceptance() * 1e4) / 1e4) + ")");
  }

  void warn_exhausted() const {
    constexpr size_t most = 10;
    std::vector<std::string> rows;
    for (const int64_t row : exhausted_) {
      if (rows.size() < most) rows.push_back(std::to_string(row));
    }
    const size_t left = exhausted_.size() - rows.size();
    core::log::warning("samples of " + std::to_string(exhausted_.size()) +
                       " observations ran into sampling.max_evaluations = " +
                       std::to_string(options_.max_evaluations) + " and were drawn again; rows " +
                       core::join(rows) + (left > 0 ? " and " + std::to_string(left) + " more" : "") +
                       "; raise it, loosen sampling.atol and rtol, or take a fixed-step solver");
  }

  const Source& source_;
  const Amount& amount_;
  const SamplingOptions& options_;
  const Progress& progress_;
  const SolverRow& solver_;
  const std::unique_ptr<method::Path> path_;
  SolverOptions solver_options_;
  int64_t total_;
  std::set<int64_t> exhausted_;  // observations of which a sample ran out of evaluations
  int64_t attempt_ = 0, finite_ = 0;
  double deadline_ = 0;
  Samples samples_;
};

}  // namespace

int64_t Samples::unfilled() const {
  return std::count(filled.begin(), filled.end(), uint8_t{0});
}

double Samples::acceptance() const {
  return drawn == 0 ? 1 : static_cast<double>(rows * draws - unfilled()) / static_cast<double>(drawn);
}

Samples draw(const Source& source, const Amount& amount, const SamplingOptions& options,
             const Progress& progress) {
  core::require(amount.rows >= 0 && amount.draws >= 0 && amount.chunk >= 1,
                "draw needs a chunk of at least 1");
  const at::NoGradGuard no_gradient;
  return Drawing(source, amount, options, progress).run();
}

}  // namespace fluxsbi::sample
