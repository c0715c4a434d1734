#include "data/standardise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"

namespace fluxsbi::data {

namespace {

/// Calls visit(feature, value) for every value of the given rows that is not NaN (absent).
template <class Visit>
void for_each(std::span<const float> values, size_t size, std::span<const int64_t> rows, Visit visit) {
  for (const int64_t row : rows) {
    const float* first = values.data() + static_cast<size_t>(row) * size;
    for (size_t i = 0; i < size; ++i) {
      if (!std::isnan(first[i])) visit(i, static_cast<double>(first[i]));
    }
  }
}

/// Feature i belongs to group i % groups: one for each feature, one for each channel, or one for all.
Standardiser moments(std::span<const float> values, size_t size, std::span<const int64_t> rows,
                     size_t groups) {
  Standardiser result{std::vector<double>(groups), std::vector<double>(groups)};
  std::vector<double> count(groups);
  for_each(values, size, rows, [&](size_t i, double v) {
    result.mean[i % groups] += v;
    ++count[i % groups];
  });
  for (double& n : count) n = std::max(n, 1.0);  // a group without a value has mean 0 and scale 0
  for (size_t g = 0; g < groups; ++g) result.mean[g] /= count[g];
  for_each(values, size, rows, [&](size_t i, double v) {
    const double difference = v - result.mean[i % groups];
    result.scale[i % groups] += difference * difference;
  });
  for (size_t g = 0; g < groups; ++g) result.scale[g] = std::sqrt(result.scale[g] / count[g]);
  return result;
}

/// The value below which the share of sorted values lies, linear between neighbours.
double quantile(std::span<const float> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low + (high - low) * (at - static_cast<double>(below));
}

bool spreads(double scale, double centre) {
  return scale > constant_ratio * std::abs(centre);
}

/// Median and interquartile range as a normal's mean and standard deviation. A feature whose middle half is
/// one value has its moments.
Standardiser quartiles(std::span<const float> values, size_t size, std::span<const int64_t> rows) {
  constexpr double normal_range = 1.3489795003921634;  // between the quartiles of N(0, 1)
  Standardiser result = moments(values, size, rows, size);
  for (size_t i = 0; i < size; ++i) {
    std::vector<float> column;
    for (const int64_t row : rows) {
      const float value = values[static_cast<size_t>(row) * size + i];
      if (!std::isnan(value)) column.push_back(value);
    }
    if (column.empty()) continue;
    std::sort(column.begin(), column.end());
    const double median = quantile(column, 0.5);
    const double scale = (quantile(column, 0.75) - quantile(column, 0.25)) / normal_range;
    if (!spreads(scale, median)) continue;
    result.mean[i] = median;
    result.scale[i] = scale;
  }
  return result;
}

[[noreturn]] void refuse_constant(const std::vector<std::string>& constant) {
  const std::string text = core::list_first(constant, 6);
  throw core::UserError(
      (constant.size() == 1 ? "the column " + text + " is" : "the columns " + text + " are") +
      " constant in the training rows (to float32's precision), so nothing can be learnt from them; leave "
      "them out, subtract a large offset before writing the file, or set data.constant: keep (scale 1)");
}

/// A value's distances from the ends of its range, the ends themselves left out.
struct Ends {
  Ends(const Range& range, size_t i, double value)
      : has_low(!range.empty() && std::isfinite(range.low[i])),
        has_high(!range.empty() && std::isfinite(range.high[i])) {
    constexpr double share = 1e-7, least = std::numeric_limits<float>::min();
    const double margin = has_low && has_high ? share * (range.high[i] - range.low[i]) : least;
    if (has_low) above_low = std::max(value - range.low[i], margin);
    if (has_high) below_high = std::max(range.high[i] - value, margin);
  }
  bool has_low, has_high;
  double above_low = 1, below_high = 1;
};

double to_line(const Range& range, size_t i, double value) {
  const Ends ends(range, i, value);
  if (!(ends.has_low || ends.has_high) || std::isnan(value)) return value;
  return std::log(ends.above_low) - std::log(ends.below_high);
}

float from_line(const Range& range, size_t i, double u) {
  const Ends ends(range, i, 0);
  if (!(ends.has_low || ends.has_high) || std::isnan(u)) return static_cast<float>(u);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const double low = range.low[i], high = range.high[i];
  const double value = !ends.has_high  ? low + std::exp(u)
                       : !ends.has_low ? high - std::exp(-u)
                                       : low + (high - low) / (1 + std::exp(-u));
  auto inside = static_cast<float>(value);
  while (ends.has_low && inside <= low) inside = std::nextafter(inside, infinity);
  while (ends.has_high && inside >= high) inside = std::nextafter(inside, -infinity);
  return inside;
}

/// Values with a range on the whole line.
std::vector<float> on_line(std::span<const float> values, size_t size, const Range& range,
                           std::span<const std::string> features) {
  std::vector<float> line(values.begin(), values.end());
  for (size_t at = 0; at < line.size(); ++at) {
    const size_t i = at % size;
    if (line[at] < range.low[i] || line[at] > range.high[i]) {
      throw core::UserError("row " + std::to_string(at / size) + " (counted from 0) has " + features[i] +
                            " = " + core::number_text(line[at]) +
                            ", outside the prior's support, to which prior.transform: logit confines theta; "
                            "correct the prior, leave the row out, or set prior.transform: none");
    }
    line[at] = static_cast<float>(to_line(range, i, line[at]));
  }
  return line;
}

}  // namespace

void Standardiser::apply(std::span<float> values) const {
  const size_t size = mean.size();
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i) {
      values[at + i] = static_cast<float>((to_line(range, i, values[at + i]) - mean[i]) / scale[i]);
    }
  }
}

void Standardiser::invert(std::span<float> values) const {
  const size_t size = mean.size();
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i) {
      values[at + i] = from_line(range, i, values[at + i] * scale[i] + mean[i]);
    }
  }
}

double Standardiser::log_slope(size_t i, double value) const {
  const Ends ends(range, i, value);
  double slope = -std::log(scale[i]) - std::log(ends.above_low) - std::log(ends.below_high);
  if (ends.has_low && ends.has_high) slope += std::log(range.high[i] - range.low[i]);
  return slope;
}

double Standardiser::log_slope_gradient(size_t i, double z) const {
  const Ends ends(range, i, 0);
  if (ends.has_low && ends.has_high) return scale[i] * std::tanh((z * scale[i] + mean[i]) / 2);
  return ends.has_low ? -scale[i] : ends.has_high ? scale[i] : 0;
}

Standardiser fit_standardiser(std::span<const float> values, int64_t size, std::span<const int64_t> rows,
                              const std::string& kind, bool keep_constant, std::span<const std::string> names,
                              const Range& range) {
  if (size == 0) return {};
  core::require(size >= 1 && !names.empty() && size % std::ssize(names) == 0,
                "a name for each feature or token");
  core::require(!rows.empty(), "standardisation needs rows");
  const auto features = static_cast<size_t>(size);
  if (!range.empty()) {
    core::require(range.low.size() == features && range.high.size() == features, "an end for each feature");
    const auto line = on_line(values, features, range, feature_names(names, size / std::ssize(names)));
    Standardiser result = fit_standardiser(line, size, rows, kind, keep_constant, names);
    result.range = range;
    return result;
  }
  if (kind == "none") return {std::vector<double>(features, 0.0), std::vector<double>(features, 1.0)};
  const size_t channels = features / names.size();
  core::require(kind == "per_feature" || kind == "per_channel" || kind == "shared" || kind == "robust",
                "standardise is per_feature, per_channel, shared, robust or none");
  const size_t groups = kind == "shared" ? 1 : kind == "per_channel" ? channels : features;
  const Standardiser of_groups =
      kind == "robust" ? quartiles(values, features, rows) : moments(values, features, rows, groups);
  Standardiser result;
  const auto feature = feature_names(names, size / std::ssize(names));
  std::vector<std::string> constant;
  for (size_t i = 0; i < features; ++i) {
    const double mean = of_groups.mean[i % groups], scale = of_groups.scale[i % groups];
    const bool varies = spreads(scale, mean);
    result.mean.push_back(mean);
    result.scale.push_back(varies ? scale : 1);
    if (varies || i >= groups) continue;
    constant.push_back(groups == features ? feature[i]
                                          : feature[i] + " ... " + feature[features - groups + i]);
  }
  if (!constant.empty() && !keep_constant) refuse_constant(constant);
  return result;
}

}  // namespace fluxsbi::data
