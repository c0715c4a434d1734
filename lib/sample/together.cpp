#include "sample/together.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_inv.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "core/error.hpp"
#include "core/log.hpp"
#include "core/stop.hpp"
#include "core/text.hpp"
#include "sample/solver/solver.hpp"

namespace fluxsbi::sample {

namespace {

// Noise below this share of the signal changes nothing that float32 can tell; coefficients stay finite there.
constexpr double least_ratio = 1e-4;

// What does not depend on the state: the precisions S_j^-1 and the eigenvectors of what they make together.
struct Precisions {
  std::vector<at::Tensor> each;  // [d, d] double
  at::Tensor prior;              // [d], the diagonal of S_0^-1
  at::Tensor values, vectors;    // of sum_j S_j^-1 + (1 - n) S_0^-1
};

// [draws, d] of a row's draws, in the units that all observations share.
at::Tensor standardised_draws(const Samples& samples, int64_t row, const data::Standardiser& units,
                              int64_t size) {
  std::vector<double> rows;
  const auto width = static_cast<size_t>(size);
  for (int64_t draw = 0; draw < samples.draws; ++draw) {
    const auto item = static_cast<size_t>(row * samples.draws + draw);
    if (!samples.filled[item]) continue;
    for (size_t i = 0; i < width; ++i)
      rows.push_back(units.standardised(i, samples.values[item * width + i]));
  }
  return at::tensor(rows, at::kDouble).view({-1, size});
}

// S^-1 of [draws, d] in units in which the prior's is 1.
at::Tensor precision_of(const at::Tensor& draws, const at::Tensor& prior_deviation) {
  const at::Tensor white = (draws - draws.mean(0, true)) / prior_deviation;
  // The inverse of a covariance by N draws of d numbers is (N - 1) / (N - d - 2) times too large on average
  // (Hartlap, Simon & Schneider 2007, A&A 464, 399), which n observations would add up.
  const at::Tensor covariance =
      white.t().matmul(white) / static_cast<double>(draws.size(0) - draws.size(1) - 2);
  const auto [values, vectors] = at::linalg_eigh(covariance);
  return (vectors / values.clamp_min(1e-12)).matmul(vectors.t());
}

// Precisions in units in which the prior's is 1. Observations only add to what the prior knows, all of them
// together: where their estimates say otherwise, each gets its share of what is lacking. Raising every single
// one would add up to information that no observation holds.
void raise_to_prior(std::vector<at::Tensor>& each) {
  const auto n = std::ssize(each);
  at::Tensor sum = (1 - n) * at::eye(each.front().size(0), at::kDouble);
  for (const at::Tensor& precision : each) sum = sum + precision;
  const auto [values, vectors] = at::linalg_eigh(sum);
  const at::Tensor lacking = (1 - values).clamp_min(0.0) / static_cast<double>(n);
  const at::Tensor share = (vectors * lacking).matmul(vectors.t());
  for (at::Tensor& precision : each) precision = precision + share;
}

// Skewness and excess kurtosis of features, on average over the observations' posteriors.
class Shapes {
 public:
  // draws [n, d]
  void add(const at::Tensor& draws) {
    const at::Tensor white = (draws - draws.mean(0, true)) / draws.std(0, /*unbiased=*/false, true);
    const at::Tensor third = white.pow(3).mean(0), fourth = white.pow(4).mean(0) - 3;
    skewness_ = count_ == 0 ? third : skewness_ + third;
    excess_ = count_ == 0 ? fourth : excess_ + fourth;
    ++count_;
  }

  // A half-normal distribution has 1 and 0.9, a box 0 and -1.2, two equal narrow modes 0 and -2.
  void warn(const std::vector<std::string>& names) const {
    constexpr double most_skewness = 0.5, least_excess = -0.8, most_excess = 2;
    std::vector<std::string> strange;
    for (int64_t i = 0; i < skewness_.size(0); ++i) {
      const double skewness = skewness_[i].item<double>() / static_cast<double>(count_),
                   excess = excess_[i].item<double>() / static_cast<double>(count_);
      if (std::abs(skewness) <= most_skewness && excess >= least_excess && excess <= most_excess) continue;
      const auto place = static_cast<size_t>(i);
      strange.push_back((place < names.size() ? names[place] : "theta feature " + std::to_string(i)) +
                        " (skewness " + core::brief_text(skewness) + ", excess kurtosis " +
                        core::brief_text(excess) + ")");
    }
    if (strange.empty()) return;
    core::log::warning(
        "--together takes the posterior of each observation for a normal one on the way, and these are "
        "not: " +
        core::list_first(strange, 4) +
        "; the result may lie a whole deviation off, or be too narrow. Check it on observations whose theta "
        "you know, or train on all observations as one x (docs/together.md)");
  }

 private:
  at::Tensor skewness_, excess_;  // [d], sums
  int64_t count_ = 0;
};

Precisions precisions_of(const Source& source, const data::Standardiser& units, const PriorDenoiser& prior,
                         int64_t rows, uint64_t seed, int64_t chunk, const TogetherOptions& options,
                         const SamplingOptions& sampling) {
  Source alone = source;
  alone.journal = nullptr;  // these draws are made again where the work goes on
  const auto size = static_cast<int64_t>(prior.size());
  const int64_t count = options.draws_of(rows, size);
  // An error of the covariances that all observations share grows with their number: no multistep solver.
  const Samples samples =
      draw(alone, {rows, count, seed, 0, chunk}, for_together(sampling, *source.method, rows));
  std::vector<double> variance;
  for (size_t i = 0; i < prior.size(); ++i) variance.push_back(prior.variance(i));
  const at::Tensor prior_variance = at::tensor(variance, at::kDouble), deviation = prior_variance.sqrt();
  Precisions precisions{{}, 1 / prior_variance, {}, {}};
  Shapes shapes;
  for (int64_t row = 0; row < rows; ++row) {
    const at::Tensor draws = standardised_draws(samples, row, units, size);
    if (draws.size(0) < count / 2)
      throw core::UserError("row " + std::to_string(row) + " of the observations: only " +
                            std::to_string(draws.size(0)) + " of " + std::to_string(count) +
                            " draws of its own posterior lie inside the prior's support, too few to put it "
                            "together with the others; look at it alone with sample --x");
    precisions.each.push_back(precision_of(draws, deviation));
    shapes.add(draws);
  }
  shapes.warn(source.theta_names);
  raise_to_prior(precisions.each);
  at::Tensor sum = (1 - rows) * at::diag(precisions.prior);
  for (at::Tensor& precision : precisions.each) {
    precision = precision / deviation.unsqueeze(0) / deviation.unsqueeze(1);
    sum = sum + precision;
  }
  std::tie(precisions.values, precisions.vectors) = at::linalg_eigh(sum);
  return precisions;
}

// D_0 of states [m, d] at levels [m or 1, 1].
at::Tensor prior_denoised(const PriorDenoiser& prior, const at::Tensor& state, const method::Level& level) {
  const at::Tensor signal = level.signal.expand({state.size(0), 1}).contiguous();
  const at::Tensor noise = level.noise.expand({state.size(0), 1}).contiguous();
  const at::Tensor from = state.contiguous();
  at::Tensor result = at::empty_like(from);
  const double *u = from.const_data_ptr<double>(), *a = signal.const_data_ptr<double>(),
               *b = noise.const_data_ptr<double>();
  double* out = result.data_ptr<double>();
  const auto size = static_cast<int64_t>(prior.size());
  at::parallel_for(0, from.size(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t i = 0; i < size; ++i)
        out[row * size + i] = prior.denoised(static_cast<size_t>(i), u[row * size + i], a[row], b[row]);
    }
  });
  return result;
}

class Composition {
 public:
  Composition(const Source& source, const data::Prior& prior, int64_t rows, uint64_t seed, int64_t chunk,
              const TogetherOptions& options, const SamplingOptions& sampling)
      : common_(source.frame.common(rows)),
        prior_(prior, common_.units),
        precisions_(precisions_of(source, common_.units, prior_, rows, seed, chunk, options, sampling)) {
    std::vector<double> low, high;
    for (size_t i = 0; i < prior_.size(); ++i) {
      low.push_back(prior_.low(i));
      high.push_back(prior_.high(i));
    }
    low_ = at::tensor(low, at::kDouble);
    high_ = at::tensor(high, at::kDouble);
  }

  const data::Standardiser& units() const { return common_.units; }

  // The output F of a network whose denoiser is D, at states [m, L, C] of path times [m or 1, 1, 1]; source:
  // that of the posteriors, or the same on another device.
  at::Tensor operator()(const Source& source, const method::Path& path, const at::Tensor& t,
                        const at::Tensor& x) const {
    const at::Tensor time = inside(path, t);
    const method::Query query = path.query(t);
    const auto n = std::ssize(precisions_.each);
    const at::Tensor ratio = square_ratio(path, time), reach = reach_of_shift(path, time);
    const at::Tensor signal = path.level(time).signal.view({-1, 1, 1});
    const at::Tensor query_time = query.time.view(-1).to(x.options());  // times are the host's
    at::Tensor sum = (1 - n) * prior_output(path, time, x) * (precisions_.prior + ratio);
    for (int64_t j = 0; j < n; ++j) {
      core::interruption_point();
      const std::vector<int64_t> rows(static_cast<size_t>(x.size(0)), j);
      const at::Tensor shift = origin(j, x);
      const at::Tensor own = x - (signal * shift).to(x.options());
      const at::Tensor output =
          features(source.bind(rows).network(query_time, query.scale * own, {})) + reach * features(shift);
      sum = sum + output.matmul(precisions_.each[static_cast<size_t>(j)]) + ratio * output;
    }
    const at::Tensor composed =
        (sum.matmul(precisions_.vectors) / (precisions_.values + ratio)).matmul(precisions_.vectors.t());
    at::Tensor all = at::zeros({x.size(0), x.size(1) * x.size(2)}, composed.options());
    all.slice(1, 0, size()).copy_(within_prior(path, time, features(x), composed));
    return all.view(x.sizes()).to(x.options());
  }

 private:
  int64_t size() const { return static_cast<int64_t>(prior_.size()); }

  // Where observation j's state 0 lies, [1, L, C].
  at::Tensor origin(int64_t j, const at::Tensor& like) const {
    const int64_t numbers = like.size(1) * like.size(2);
    const auto all =
        std::span(common_.origins).subspan(static_cast<size_t>(j * numbers), static_cast<size_t>(numbers));
    return at::tensor(at::ArrayRef<double>(all.data(), all.size()), at::kDouble)
        .view({1, like.size(1), like.size(2)});
  }

  // What a shift of the data by 1 adds to a network's output where its state was shifted with them: the
  // denoiser's share that the output says, [m or 1, 1].
  static at::Tensor reach_of_shift(const method::Path& path, const at::Tensor& time) {
    const method::Linear clean = path.denoised(time);
    return ((1 - clean.x * path.level(time).signal) / clean.network).view({-1, 1});
  }

  // The inferred parameters of [m, L, C] as [m, d] double on the host.
  at::Tensor features(const at::Tensor& values) const {
    return values.to(at::kCPU, at::kDouble).flatten(1).slice(1, 0, size());
  }

  // t, but not nearer to the data than least_ratio.
  static at::Tensor inside(const method::Path& path, const at::Tensor& t) {
    const at::Tensor wide = t.to(at::kCPU, at::kDouble);
    const method::Level last = path.level(at::tensor(path.end(), at::kDouble));
    if ((last.noise / last.signal).item<double>() >= least_ratio) return wide;
    const double limit = path.time_of(least_ratio);
    return path.end() > path.start() ? wide.clamp_max(limit) : wide.clamp_min(limit);
  }

  // The output F of states [m, d], damped: where n networks together lead out of all that the prior allows,
  // as their errors do far from the data, D is taken to the nearest value that it allows.
  at::Tensor within_prior(const method::Path& path, const at::Tensor& time, const at::Tensor& state,
                          const at::Tensor& output) const {
    const method::Linear clean = path.denoised(time);
    const at::Tensor of_state = clean.x.view({-1, 1}) * state, factor = clean.network.view({-1, 1});
    const at::Tensor denoised = of_state + factor * output;
    const at::Tensor clamped = at::clamp(denoised, low_, high_);
    return at::where(clamped == denoised, output, (clamped - of_state) / factor);
  }

  static at::Tensor square_ratio(const method::Path& path, const at::Tensor& time) {
    const method::Level level = path.level(time);
    return (level.signal / level.noise).square().view({-1, 1});
  }

  // The output of a network that knows the prior alone.
  at::Tensor prior_output(const method::Path& path, const at::Tensor& time, const at::Tensor& x) const {
    method::Level level = path.level(time);
    level.signal = level.signal.view({-1, 1});
    level.noise = level.noise.view({-1, 1});
    const method::Linear clean = path.denoised(time);
    const at::Tensor state = features(x);
    return (prior_denoised(prior_, state, level) - clean.x.view({-1, 1}) * state) /
           clean.network.view({-1, 1});
  }

  const Frame::Common common_;
  const PriorDenoiser prior_;
  const Precisions precisions_;
  at::Tensor low_, high_;  // [d] what the prior allows
};

Source composed_of(const Source& source, const std::shared_ptr<const Composition>& composition,
                   int64_t rows) {
  Source together = source;
  together.frame = Frame(composition->units());
  together.composed = true;
  together.beside.clear();
  const auto numbers = static_cast<size_t>(source.tokens * source.channels);
  if (!source.given.empty()) together.given = source.given.first(numbers);
  together.bind = [&source, composition, rows](std::span<const int64_t> items) {
    const std::vector<int64_t> first(items.size(), 0);
    Bound bound = source.bind(first);
    bound.unconditional = {};
    bound.composed = [&source, composition](const method::Path& path, const at::Tensor& t,
                                            const at::Tensor& x) {
      return (*composition)(source, path, t, x);
    };
    bound.composed_of = rows;
    return bound;
  };
  return together;
}

}  // namespace

int64_t TogetherOptions::draws_of(int64_t rows, int64_t size) const {
  if (draws > 0) return draws;
  constexpr int64_t all = 50000, least = 200, most = 500, of_each_parameter = 10;
  return std::max(std::clamp(all / rows, least, most), of_each_parameter * size);
}

SamplingOptions for_together(SamplingOptions sampling, const method::Method& method, int64_t rows) {
  if (rows < 2 || chosen_solver(sampling.solver) != nullptr) return sampling;
  sampling.solver = "midpoint";
  if (!sampling.steps) sampling.steps = std::max<int64_t>(2 * method.default_steps() / 3, 1);
  return sampling;
}

std::vector<Source> put_together(const Source& source, const data::Prior& prior, int64_t rows, uint64_t seed,
                                 int64_t chunk, const TogetherOptions& options,
                                 const SamplingOptions& sampling) {
  const auto composition =
      std::make_shared<const Composition>(source, prior, rows, seed, chunk, options, sampling);
  std::vector<Source> all;
  for (size_t i = 0; i <= source.beside.size(); ++i)
    all.push_back(composed_of(source.on_device(i), composition, rows));
  for (size_t i = 1; i < all.size(); ++i) all.front().beside.push_back(&all[i]);
  return all;
}

}  // namespace fluxsbi::sample
