#include "diagnose/pair_rows.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/philox.hpp"
#include "data/prior/cholesky.hpp"
#include "data/prior/special_functions.hpp"
#include "diagnose/classifier.hpp"
#include "diagnose/moments.hpp"
#include "diagnose/ranks.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr int64_t most_compared = 50, least_framing = 20, most_observed = 1000;
constexpr size_t most_products = 6;  // variables, up to which all pairs of z are multiplied
constexpr size_t long_x = 64, projected_x = 32;
constexpr double most_deviations = 8;
constexpr int64_t held_out_every = 5;
constexpr uint32_t projection_stream = 3U << 30, rank_stream = projection_stream + 1;

// Mean, standard deviations and correlations of draws.
struct Frame {
  std::vector<double> mean, deviation, factor;

  // draws [rows, d]
  Frame(std::span<const double> draws, size_t d) {
    for (size_t j = 0; j < d; ++j) {
      const Moments moments = moments_of(draws, j, d);
      mean.push_back(moments.mean);
      deviation.push_back(moments.deviation);
    }
    std::vector<double> correlation(d * d);
    const auto rows = static_cast<double>(draws.size() / d);
    for (size_t first = 0; first < draws.size(); first += d) {
      for (size_t a = 0; a < d; ++a)
        for (size_t b = 0; b <= a; ++b)
          correlation[a * d + b] +=
              scaled(draws.subspan(first, d), a) * scaled(draws.subspan(first, d), b) / rows;
    }
    // A little of the identity keeps the factor away from draws that lie in a plane.
    for (size_t a = 0; a < d; ++a) correlation[a * d + a] = correlation[a * d + a] * (1 + 1e-4) + 1e-9;
    if (rows >= 3 * static_cast<double>(d))
      factor = data::cholesky(correlation, d).value_or(std::vector<double>());
  }

  double scaled(std::span<const double> theta, size_t j) const {
    return deviation[j] > 0 ? (theta[j] - mean[j]) / deviation[j] : 0;
  }
  std::vector<double> whitened(std::span<const double> theta) const {
    const size_t d = mean.size();
    std::vector<double> z(d);
    for (size_t a = 0; a < d; ++a) {
      z[a] = scaled(theta, a);
      if (factor.empty()) continue;
      for (size_t b = 0; b < a; ++b) z[a] -= factor[a * d + b] * z[b];
      z[a] /= factor[a * d + a];
    }
    return z;
  }
};

// x as the classifier sees it.
class XFeatures {
 public:
  XFeatures(const Evidence& evidence, uint64_t seed) : size_(evidence.x_names.size()) {
    for (size_t i = 0; i < size_; ++i) moments_.push_back(moments_of(evidence.x, i, size_));
    if (size_ <= long_x) return;
    core::Philox random(seed, room_purpose, 0, projection_stream);
    for (size_t i = 0; i < projected_x * size_; ++i) projection_.push_back(random.normal());
  }

  void append(std::vector<double>& row, std::span<const double> x) const {
    std::vector<double> z(size_);
    for (size_t i = 0; i < size_; ++i) {
      const bool there = std::isfinite(x[i]) && moments_[i].deviation > 0;
      z[i] = there ? (x[i] - moments_[i].mean) / moments_[i].deviation : 0;
    }
    if (projection_.empty()) {
      row.insert(row.end(), z.begin(), z.end());
      return;
    }
    for (size_t k = 0; k < projected_x; ++k) {
      double sum = 0;
      for (size_t i = 0; i < size_; ++i) sum += projection_[k * size_ + i] * z[i];
      row.push_back(sum);
    }
  }

 private:
  size_t size_;
  std::vector<Moments> moments_;
  std::vector<double> projection_;
};

// Features of one theta beside its x.
class RowMaker {
 public:
  RowMaker(const Evidence& evidence, const PairRowOptions& options)
      : options_(options), x_(evidence, options.seed), d_(evidence.names.size()) {}

  std::vector<double> row(std::span<const double> theta, std::span<const double> x,
                          const std::optional<Frame>& frame) const {
    std::vector<double> row(theta.begin(), theta.end());
    if (options_.with_x) x_.append(row, x);
    if (!frame) return row;
    std::vector<double> z = frame->whitened(theta);
    for (double& value : z) value = std::clamp(value, -most_deviations, most_deviations);
    row.insert(row.end(), z.begin(), z.end());
    for (size_t a = 0; a < d_; ++a) {
      for (size_t b = d_ <= most_products ? 0 : a; b <= a; ++b)
        row.push_back(std::clamp(z[a] * z[b], -most_deviations, most_deviations));
    }
    return row;
  }

 private:
  PairRowOptions options_;
  XFeatures x_;
  size_t d_;
};

// Draws [begin, end) of [rows, d] that are filled, below each other.
std::vector<double> filled_rows(std::span<const double> rows, size_t d, int64_t begin, int64_t end) {
  std::vector<double> filled;
  for (int64_t l = begin; l < end; ++l) {
    const auto draw = rows.subspan(static_cast<size_t>(l) * d, d);
    if (is_filled(draw)) filled.insert(filled.end(), draw.begin(), draw.end());
  }
  return filled;
}

// The first part of draws [count, d], which is compared, and the frame of the others.
struct Divided {
  std::vector<double> compared;
  std::optional<Frame> frame;
};

Divided divide(std::span<const double> draws, size_t d, int64_t compared, const PairRowOptions& options) {
  const auto count = std::ssize(draws) / static_cast<int64_t>(d);
  Divided result;
  result.compared = filled_rows(draws, d, 0, compared);
  if (!options.within_posterior) return result;
  std::vector<double> others = filled_rows(draws, d, compared, count);
  // Draws of another model's sampler may all be lost for one x; they stand where the origin is.
  if (others.size() < 2 * d) others.assign(2 * d, 0);
  result.frame.emplace(others, d);
  return result;
}

struct RawRows {
  std::vector<std::vector<double>> truth, unshifted;              // of each pair
  std::vector<std::vector<std::vector<double>>> draws, observed;  // of each pair, of each observation
};

void scale_rows(const RawRows& raw, PairRows& result) {
  result.features = raw.truth.empty() ? 0 : raw.truth[0].size();
  std::vector<Moments> moments;
  for (size_t f = 0; f < result.features; ++f) {
    std::vector<double> column;
    for (size_t n = 0; n < raw.truth.size(); ++n) {
      column.push_back(raw.unshifted[n][f]);
      column.push_back(raw.draws[n][0][f]);
    }
    moments.push_back(moments_of(column));
  }
  const auto append = [&](std::vector<float>& rows, const std::vector<double>& row) {
    for (size_t f = 0; f < row.size(); ++f) {
      const double z = moments[f].deviation > 0 ? (row[f] - moments[f].mean) / moments[f].deviation : 0;
      rows.push_back(std::isnan(z) ? 0
                                   : static_cast<float>(std::clamp(z, -most_deviations, most_deviations)));
    }
  };
  for (const auto& row : raw.truth) append(result.truth, row);
  for (const auto& rows : raw.draws) {
    result.draws.emplace_back();
    for (const auto& row : rows) append(result.draws.back(), row);
  }
  for (const auto& rows : raw.observed) {
    result.observed.emplace_back();
    for (const auto& row : rows) append(result.observed.back(), row);
  }
}

std::vector<std::vector<double>> rows_of(const RowMaker& maker, const Divided& divided,
                                         std::span<const double> x, size_t d) {
  std::vector<std::vector<double>> rows;
  for (size_t first = 0; first < divided.compared.size(); first += d)
    rows.push_back(maker.row(std::span(divided.compared).subspan(first, d), x, divided.frame));
  return rows;
}

}  // namespace

PairRows make_pair_rows(const Evidence& evidence, const PairRowOptions& options, std::string_view test) {
  check_samples(evidence, test);
  const size_t d = evidence.names.size(), size = evidence.x_names.size();
  const int64_t compared = std::clamp<int64_t>(evidence.draws / 4, 1, most_compared);
  PairRowOptions used = options;
  used.within_posterior = options.within_posterior && evidence.draws - compared >= least_framing;
  const RowMaker maker(evidence, used);
  const auto length = static_cast<size_t>(evidence.draws) * d;
  RawRows raw;
  for (int64_t n = 0; n < evidence.pairs && std::ssize(raw.truth) < options.most_pairs; ++n) {
    const auto row = static_cast<size_t>(n);
    const Divided divided =
        divide(std::span(evidence.samples).subspan(row * length, length), d, compared, used);
    if (divided.compared.empty()) continue;
    const auto x = std::span(evidence.x).subspan(row * size, size);
    const auto theta = std::span(evidence.theta).subspan(row * d, d);
    std::vector<double> shifted(theta.begin(), theta.end());
    for (size_t j = 0; j < d; ++j)
      shifted[j] -= options.shift * (divided.frame ? divided.frame->deviation[j]
                                                   : moments_of(divided.compared, j, d).deviation);
    raw.truth.push_back(maker.row(shifted, x, divided.frame));
    raw.unshifted.push_back(maker.row(theta, x, divided.frame));
    raw.draws.push_back(rows_of(maker, divided, x, d));
  }
  for (const Observation& observation : evidence.observations) {
    // At least one draw is compared where there is one.
    const int64_t half =
        std::min({std::max<int64_t>(observation.draws / 2, 1), observation.draws, most_observed});
    raw.observed.push_back(rows_of(maker, divide(observation.theta, d, half, used), observation.x, d));
  }
  PairRows result;
  scale_rows(raw, result);
  return result;
}

LabelledRows labelled(const PairRows& pairs, std::span<const int64_t> chosen,
                      std::span<const uint8_t> swapped) {
  LabelledRows result;
  const auto width = static_cast<std::ptrdiff_t>(pairs.features);
  for (const int64_t n : chosen) {
    const auto truth = pairs.truth.begin() + n * width;
    const auto draw = pairs.draws[static_cast<size_t>(n)].begin();
    const bool exchanged = !swapped.empty() && swapped[static_cast<size_t>(n)] != 0;
    result.rows.insert(result.rows.end(), truth, truth + width);
    result.labels.push_back(!exchanged);
    result.rows.insert(result.rows.end(), draw, draw + width);
    result.labels.push_back(exchanged);
  }
  return result;
}

int64_t hidden_units(size_t features) {
  return std::clamp<int64_t>(10 * static_cast<int64_t>(features), 20, 64);
}

LearnedRank learned_rank(const PairRows& pairs, uint64_t seed) {
  std::vector<int64_t> learned, held_out;
  for (int64_t n = 0; n < pairs.pairs(); n += 2)
    ((n / 2) % held_out_every == held_out_every - 1 ? held_out : learned).push_back(n);
  LearnedRank result;
  if (learned.empty() || held_out.empty()) return result;
  const LabelledRows train = labelled(pairs, learned), check = labelled(pairs, held_out);
  Classifier classifier(
      static_cast<int64_t>(pairs.features),
      {.hidden = hidden_units(pairs.features), .seed = static_cast<uint32_t>(seed), .max_epochs = 1000});
  classifier.fit(train.rows, train.labels, check.rows, check.labels);
  double sum = 0;
  for (int64_t n = 1; n < pairs.pairs(); n += 2) {
    const auto row = static_cast<size_t>(n);
    const auto truth = std::span(pairs.truth).subspan(row * pairs.features, pairs.features);
    const double at_truth = static_cast<double>(classifier.predict_probability(truth).front());
    const std::vector<float> at_draws = classifier.predict_probability(pairs.draws[row]);
    core::Philox random(seed, room_purpose, row, rank_stream);
    const std::vector<double> drawn(at_draws.begin(), at_draws.end());
    result.pits.push_back(rank_of(at_truth, drawn, random).pit);
    sum += result.pits.back();
  }
  result.pairs = std::ssize(result.pits);
  const auto count = static_cast<double>(result.pairs);
  result.mean = sum / count;
  result.p_value = data::normal_below(-(result.mean - 0.5) * std::sqrt(12 * count));
  return result;
}

}  // namespace fluxsbi::diagnose
