#include "sample/density/mode.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>

#include "core/error.hpp"
#include "core/stop.hpp"
#include "sample/chunk_queue.hpp"
#include "sample/density/ascent_step.hpp"
#include "sample/files/number_type.hpp"
#include "sample/mixture.hpp"
#include "sample/solver/equation.hpp"

namespace fluxsbi::sample {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Noise levels of standardised data. From posteriors nearly as wide as the prior to 50 times sharper ones: a
// step closes the share level^2 / (level^2 + width^2) of the way to the mode of a Gaussian of that width.
constexpr double levels[] = {0.5, 0.25, 0.12, 0.06, 0.03, 0.015};
constexpr int steps_a_level = 25;
// Samples are ranked twice: all by a few evaluations, whose error is some hundredths for most and up to one
// for a few, and the best of these, several times as many as climb, to about a hundredth. Densities on the
// way up are as exact.
constexpr const char* first_rule = "midpoint";
constexpr int64_t first_steps = 12, promising = 4;
constexpr double ranking_tolerance = 1e-3;

// Points of some observations.
struct Points {
  std::vector<int64_t> rows;     // whose posterior, [items]
  std::vector<double> values;    // [items, L C], data's units
  std::vector<double> log_prob;  // [items]; -infinity where it is not known
  std::vector<double> shares;    // [items, members] of each member in the density
};

class Ascent {
 public:
  Ascent(std::span<const Source* const> sources, const SamplingOptions& options, const DensityMemory& memory,
         const PriorRatio* ratio)
      : sources_(sources),
        source_(*sources.front()),
        ratio_(ratio),
        step_(source_, ratio),
        options_(options),
        memory_(memory) {
    for (const Source* source : sources) paths_.push_back(source->method->path());
    options_.solver = "auto";
    options_.steps.reset();
  }

  // The filled samples that the prior allows, the best `top` of each row.
  Points starts(const Samples& samples, int64_t top) const {
    Points all;
    for (int64_t item = 0; item < samples.rows * samples.draws; ++item) {
      const auto first = static_cast<size_t>(item) * kept();
      if (samples.filled[static_cast<size_t>(item)] &&
          log_ratio(std::span(samples.values).subspan(first, kept())) > -infinity)
        add(all, item / samples.draws, samples, item);
    }
    SamplingOptions quick = options_;
    quick.solver = first_rule;
    quick.steps = first_steps;
    evaluate(all, quick);
    Points few = best_of(all, promising * top);
    evaluate(few, with_tolerance(coarse_tolerance()));
    return best_of(few, top);
  }

  // Moves points where that finds a higher density.
  void climb(Points& points) const {
    const auto level_of = [&](double t) {
      const method::Level level = paths_.front()->level(at::scalar_tensor(t, at::kDouble));
      return (level.noise / level.signal).item<double>();
    };
    const double least = level_of(paths_.front()->end());
    for (const double level : levels) {
      if (level <= least) break;
      Points moved = points;
      shift(moved, level);
      evaluate(moved, with_tolerance(coarse_tolerance()));
      keep_higher(points, moved);
    }
  }

  // Exact densities of the starts and of where they climbed, points that do not lie below their starts.
  void settle(Points& starts, Points& points) const {
    evaluate(starts, with_tolerance(options_.rtol));
    evaluate(points, with_tolerance(options_.rtol));
    keep_higher(points, starts);
  }

 private:
  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  size_t kept() const { return static_cast<size_t>(source_.kept * source_.channels); }

  // The `count` points of each row whose densities are highest.
  Points best_of(const Points& points, int64_t count) const {
    std::vector<size_t> order(points.rows.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::pair(points.rows[a], -points.log_prob[a]) < std::pair(points.rows[b], -points.log_prob[b]);
    });
    Points best;
    int64_t taken = 0;
    for (const size_t item : order) {
      taken = !best.rows.empty() && best.rows.back() == points.rows[item] ? taken + 1 : 1;
      if (taken <= count) copy(points, item, best);
    }
    return best;
  }

  void keep_higher(Points& points, const Points& others) const {
    for (size_t i = 0; i < points.rows.size(); ++i) {
      if (others.log_prob[i] > points.log_prob[i]) replace(points, i, others);
    }
  }

  double coarse_tolerance() const { return std::max(ranking_tolerance, options_.rtol); }

  SamplingOptions with_tolerance(double tolerance) const {
    SamplingOptions options = options_;
    options.rtol = tolerance;
    options.atol = std::max(options.atol, tolerance);
    return options;
  }

  void add(Points& points, int64_t row, const Samples& samples, int64_t item) const {
    points.rows.push_back(row);
    const auto first = samples.values.begin() + item * static_cast<int64_t>(kept());
    points.values.insert(points.values.end(), first, first + static_cast<int64_t>(kept()));
    if (source_.given.empty()) return;
    const auto rest =
        source_.given.subspan(static_cast<size_t>(row) * size()).subspan(kept(), size() - kept());
    points.values.insert(points.values.end(), rest.begin(), rest.end());
  }

  void copy(const Points& from, size_t item, Points& to) const {
    to.rows.push_back(from.rows[item]);
    const auto value = std::span(from.values).subspan(item * size(), size());
    to.values.insert(to.values.end(), value.begin(), value.end());
    to.log_prob.push_back(from.log_prob[item]);
    const auto shares = std::span(from.shares).subspan(item * sources_.size(), sources_.size());
    to.shares.insert(to.shares.end(), shares.begin(), shares.end());
  }

  void replace(Points& points, size_t item, const Points& by) const {
    points.log_prob[item] = by.log_prob[item];
    std::copy_n(by.shares.begin() + static_cast<std::ptrdiff_t>(item * sources_.size()), sources_.size(),
                points.shares.begin() + static_cast<std::ptrdiff_t>(item * sources_.size()));
    std::copy_n(by.values.begin() + static_cast<std::ptrdiff_t>(item * size()), size(),
                points.values.begin() + static_cast<std::ptrdiff_t>(item * size()));
  }

  void evaluate(Points& points, const SamplingOptions& how) const {
    std::vector<std::vector<double>> of_members;
    for (const Source* source : sources_) of_members.push_back(densities(*source, points, how));
    const size_t members = sources_.size(), items = points.rows.size();
    points.log_prob.resize(items);
    points.shares.assign(items * members, 1);
    std::vector<double> logs(members);
    for (size_t i = 0; i < items; ++i) {
      for (size_t m = 0; m < members; ++m) logs[m] = of_members[m][i];
      points.log_prob[i] = members == 1
                               ? logs.front()
                               : log_mean(logs, std::span(points.shares).subspan(i * members, members));
      points.log_prob[i] += log_ratio(std::span(points.values).subspan(i * size(), size()));
    }
  }

  // Of the priors at a point, whose first numbers are theta; 0 where it keeps its prior.
  double log_ratio(std::span<const double> value) const {
    return ratio_ ? ratio_->log_ratio(value.first(static_cast<size_t>(ratio_->other().dim()))) : 0;
  }

  std::vector<double> densities(const Source& source, const Points& points,
                                const SamplingOptions& how) const {
    auto found = log_prob(source, points.values, points.rows, {}, how, memory_).values;
    for (double& value : found) {
      if (std::isnan(value)) value = -infinity;
    }
    return found;
  }

  // steps_a_level steps of the mean shift at a noise level, towards higher densities of the data's units.
  void shift(Points& points, double level) const {
    const int64_t total = std::ssize(points.rows);
    ChunkQueue queue(source_.devices());
    for (int64_t begin = 0; begin < total; begin += memory_.pull_backs) {
      if (queue.full()) queue.take();
      const auto first = static_cast<size_t>(begin),
                 count = static_cast<size_t>(std::min(memory_.pull_backs, total - begin));
      queue.ask([this, &points, level, first, count](size_t device) {
        shift_some(points, level, first, count, device);
        return Chunk{};  // the points themselves have moved
      });
    }
    while (queue.waiting() > 0) queue.take();
  }

  // The same of `count` points that are worked on together.
  void shift_some(Points& points, double level, size_t first, size_t count, size_t device) const {
    const auto values = std::span(points.values).subspan(first * size(), count * size());
    const auto shares = std::span(points.shares).subspan(first * sources_.size(), count * sources_.size());
    std::vector<PathEquation> equations;
    const auto rows = std::span(points.rows).subspan(first, count);
    for (size_t m = 0; m < sources_.size(); ++m) {
      const Bound bound = sources_[m]->on_device(device).bind(rows);
      equations.emplace_back(*paths_[m], bound.network, bound.given);
    }
    for (int step = 0; step < steps_a_level; ++step) {
      core::interruption_point();
      step_.take(values, rows, step_of_all(equations, device, level, rows, values, shares), level);
    }
  }

  // Where a step of the mean shift leads from values [n, L C], in the data's units: the mean over members by
  // shares [n, members].
  std::vector<double> step_of_all(std::span<const PathEquation> equations, size_t device, double level,
                                  std::span<const int64_t> rows, std::span<const double> values,
                                  std::span<const double> shares) const {
    const size_t members = sources_.size();
    std::vector<double> mean(members == 1 ? 0 : values.size(), 0);
    for (size_t m = 0; m < members; ++m) {
      const double t = paths_[m]->time_of(level);
      std::vector<double> next =
          shifted(sources_[m]->on_device(device), equations[m], t, level, rows, values);
      if (members == 1) return next;
      for (size_t i = 0; i < next.size(); ++i) {
        const double share = shares[i / size() * members + m];
        if (share > 0) mean[i] += share * next[i];
      }
    }
    return mean;
  }

  // Where a member's step leads.
  static std::vector<double> shifted(const Source& source, const PathEquation& equation, double t,
                                     double level, std::span<const int64_t> rows,
                                     std::span<const double> values) {
    std::vector<float> z = source.frame.state_of(values, rows);
    const at::Tensor state =
        at::from_blob(z.data(), {std::ssize(rows), source.tokens, source.channels}, at::kFloat)
            .to(source.device);
    const double signal = equation.level(t).first;
    const at::Tensor clean = equation.denoised(t, state * signal).to(at::kCPU).contiguous();
    std::vector<float> next(clean.const_data_ptr<float>(), clean.const_data_ptr<float>() + z.size());
    const std::vector<double> gradient = source.frame.log_slope_gradient(z, rows);
    for (size_t i = 0; i < z.size(); ++i) next[i] += static_cast<float>(level * level * gradient[i]);
    return source.frame.values_of(next, rows);
  }

  const std::span<const Source* const> sources_;
  const Source& source_;  // the first, whose prior, question and shape are those of all
  const PriorRatio* ratio_;
  const AscentStep step_;
  SamplingOptions options_;
  const DensityMemory& memory_;
  std::vector<std::unique_ptr<method::Path>> paths_;
};

}  // namespace

Modes find_modes(std::span<const Source* const> sources, const Samples& samples, const ModeOptions& modes,
                 const SamplingOptions& options, const DensityMemory& memory, const PriorRatio* ratio) {
  core::require(modes.draws >= 1 && modes.top >= 1, "a mode needs a sample and a start");
  const Source& source = *sources.front();
  const at::NoGradGuard no_gradient;
  const core::InterruptScope stops;
  const size_t kept = static_cast<size_t>(source.kept * source.channels),
               size = static_cast<size_t>(source.tokens * source.channels);
  const Ascent ascent(sources, options, memory, ratio);
  Points starts = ascent.starts(samples, modes.top);
  Points points = starts;
  ascent.climb(points);
  ascent.settle(starts, points);
  Modes found;
  const auto rows = static_cast<size_t>(samples.rows);
  found.theta.assign(rows * kept, std::numeric_limits<double>::quiet_NaN());
  found.log_prob.assign(rows, std::numeric_limits<double>::quiet_NaN());
  std::vector<uint8_t> climbed(rows, 0);
  for (size_t i = 0; i < points.rows.size(); ++i) {
    const auto row = static_cast<size_t>(points.rows[i]);
    if (found.log_prob[row] >= points.log_prob[i]) continue;  // false for NaN
    found.log_prob[row] = points.log_prob[i];
    std::copy_n(points.values.begin() + static_cast<std::ptrdiff_t>(i * size), kept,
                found.theta.begin() + static_cast<std::ptrdiff_t>(row * kept));
    climbed[row] = points.log_prob[i] > starts.log_prob[i];
  }
  found.coarse = coarse_column(samples.values, samples.draws, static_cast<int64_t>(kept));
  found.climbed = std::count(climbed.begin(), climbed.end(), uint8_t{1});
  return found;
}

}  // namespace fluxsbi::sample
