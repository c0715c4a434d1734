#include "data/standardise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"

namespace fluxsbi::data {

std::span<const std::string_view> enum_names(Standardise) {
  static constexpr std::string_view names[] = {"auto",   "per_feature", "per_channel",
                                               "shared", "robust",      "none"};
  return names;
}

std::span<const std::string_view> enum_names(ConstantColumns) {
  static constexpr std::string_view names[] = {"auto", "error", "keep"};
  return names;
}

namespace {

/// The value below which the share of sorted values lies, linear between neighbours.
double quantile(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const double low = sorted[below], high = sorted[std::min(below + 1, sorted.size() - 1)];
  return low + (high - low) * (at - static_cast<double>(below));
}

bool spreads(double scale, double centre) {
  return scale > constant_ratio * std::abs(centre);
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

double from_line(const Range& range, size_t i, double u) {
  const Ends ends(range, i, 0);
  if (!(ends.has_low || ends.has_high) || std::isnan(u)) return u;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double low = range.low[i], high = range.high[i];
  const double value = !ends.has_high  ? low + std::exp(u)
                       : !ends.has_low ? high - std::exp(-u)
                                       : low + (high - low) / (1 + std::exp(-u));
  double inside = value;
  while (ends.has_low && inside <= low) inside = std::nextafter(inside, infinity);
  while (ends.has_high && inside >= high) inside = std::nextafter(inside, -infinity);
  return inside;
}

}  // namespace

void Standardiser::apply(std::span<const double> values, std::span<float> out) const {
  core::require(values.size() == out.size(), "as many values before as after");
  const size_t size = mean.size();
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i)
      out[at + i] = static_cast<float>((to_line(range, i, values[at + i]) - mean[i]) / scale[i]);
  }
}

std::vector<float> Standardiser::apply(std::span<const double> values) const {
  std::vector<float> standardised(values.size());
  apply(values, standardised);
  return standardised;
}

std::vector<double> Standardiser::invert(std::span<const float> standardised) const {
  const size_t size = mean.size();
  std::vector<double> values(standardised.size());
  for (size_t at = 0; at < values.size(); at += size) {
    for (size_t i = 0; i < size; ++i)
      values[at + i] = from_line(range, i, standardised[at + i] * scale[i] + mean[i]);
  }
  return values;
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

StandardiserFit::StandardiserFit(int64_t size, StandardiserRequest request, core::Philox random,
                                 int64_t most_numbers)
    : size_(static_cast<size_t>(size)), groups_(size_), request_(std::move(request)), random_(random) {
  most_rows_ = std::max<int64_t>(1, most_numbers / std::max<int64_t>(1, size));
  if (size == 0) return;
  const size_t tokens = request_.names.size();
  core::require(tokens > 0 && size_ % tokens == 0, "a name for each feature or token");
  core::require(request_.kind != Standardise::automatic, "what standardises is resolved");
  core::require(
      request_.range.empty() || (request_.range.low.size() == size_ && request_.range.high.size() == size_),
      "an end for each feature");
  if (request_.kind == Standardise::per_channel) groups_ = size_ / tokens;
  if (request_.kind == Standardise::shared) groups_ = 1;
}

void StandardiserFit::add(std::span<const double> values, std::span<const int64_t> rows) {
  if (size_ == 0 || rows.empty() || request_.kind == Standardise::none) return;
  std::vector<double> line;
  if (!request_.range.empty()) {
    line.assign(values.begin(), values.end());
    // Rounded as the networks see it.
    for (size_t at = 0; at < line.size(); ++at)
      line[at] = static_cast<float>(to_line(request_.range, at % size_, line[at]));
    values = line;
  }
  merge(moments_of(values, rows));
  if (request_.kind == Standardise::robust) sample(values, rows);
}

StandardiserFit::Moments StandardiserFit::moments_of(std::span<const double> values,
                                                     std::span<const int64_t> rows) const {
  Moments block{std::vector<double>(groups_), std::vector<double>(groups_), std::vector<double>(groups_)};
  const auto for_each = [&](auto visit) {
    for (const int64_t row : rows) {
      const double* first = values.data() + static_cast<size_t>(row) * size_;
      for (size_t i = 0, group = 0; i < size_; ++i) {
        if (!std::isnan(first[i])) visit(group, first[i]);
        if (++group == groups_) group = 0;
      }
    }
  };
  for_each([&](size_t group, double value) {
    block.mean[group] += value;
    ++block.count[group];
  });
  // A group without a value has mean 0 and scale 0.
  for (size_t g = 0; g < groups_; ++g) block.mean[g] /= std::max(block.count[g], 1.0);
  for_each([&](size_t group, double value) {
    const double difference = value - block.mean[group];
    block.squares[group] += difference * difference;
  });
  return block;
}

void StandardiserFit::merge(const Moments& block) {
  if (total_.count.empty()) {
    total_ = block;
    return;
  }
  for (size_t g = 0; g < groups_; ++g) {
    const double before = total_.count[g], added = block.count[g], count = before + added;
    if (added == 0) continue;
    const double difference = block.mean[g] - total_.mean[g];
    total_.mean[g] += difference * (added / count);
    total_.squares[g] += block.squares[g] + difference * difference * (before * added / count);
    total_.count[g] = count;
  }
}

void StandardiserFit::sample(std::span<const double> values, std::span<const int64_t> rows) {
  for (const int64_t row : rows) {
    const double* from = values.data() + static_cast<size_t>(row) * size_;
    if (rows_seen_ < most_rows_) {
      sample_.insert(sample_.end(), from, from + size_);
    } else {
      const uint64_t place = random_.below(static_cast<uint64_t>(rows_seen_) + 1);
      if (place < static_cast<uint64_t>(most_rows_))
        std::copy_n(from, size_, sample_.begin() + static_cast<ptrdiff_t>(place * size_));
    }
    ++rows_seen_;
  }
}

Standardiser StandardiserFit::of_groups() const {
  Standardiser result{total_.mean, total_.squares};
  for (size_t g = 0; g < groups_; ++g)
    result.scale[g] = std::sqrt(result.scale[g] / std::max(total_.count[g], 1.0));
  if (request_.kind != Standardise::robust) return result;
  constexpr double normal_range = 1.3489795003921634;  // between the quartiles of N(0, 1)
  for (size_t i = 0; i < size_; ++i) {
    std::vector<double> column;
    for (size_t at = i; at < sample_.size(); at += size_) {
      if (!std::isnan(sample_[at])) column.push_back(sample_[at]);
    }
    if (column.empty()) continue;
    std::sort(column.begin(), column.end());
    const double median = quantile(column, 0.5);
    const double scale = (quantile(column, 0.75) - quantile(column, 0.25)) / normal_range;
    if (!spreads(scale, median)) continue;  // the middle half is one value
    result.mean[i] = median;
    result.scale[i] = scale;
  }
  return result;
}

Standardiser StandardiserFit::finish() const {
  if (size_ == 0) return {};
  if (request_.kind == Standardise::none)
    return {std::vector<double>(size_, 0.0), std::vector<double>(size_, 1.0), request_.range};
  core::require(!total_.count.empty(), "standardisation needs rows");
  const Standardiser groups = of_groups();
  Standardiser result;
  result.range = request_.range;
  const auto tokens = std::ssize(request_.names);
  const auto feature = feature_names(request_.names, static_cast<int64_t>(size_) / tokens);
  std::vector<std::string> constant;
  for (size_t i = 0; i < size_; ++i) {
    const double mean = groups.mean[i % groups_], scale = groups.scale[i % groups_];
    const bool varies = spreads(scale, mean);
    result.mean.push_back(mean);
    result.scale.push_back(varies ? scale : 1);
    if (varies || i >= groups_) continue;
    constant.push_back(groups_ == size_ ? feature[i] : feature[i] + " ... " + feature[size_ - groups_ + i]);
  }
  if (!constant.empty() && !request_.keep_constant) refuse_constant(constant);
  return result;
}

int64_t first_outside(const Range& range, std::span<const double> values, std::span<const int64_t> rows) {
  const size_t size = range.low.size();
  for (const int64_t row : rows) {
    for (size_t i = 0; i < size; ++i) {
      const size_t at = static_cast<size_t>(row) * size + i;
      if (values[at] < range.low[i] || values[at] > range.high[i]) return static_cast<int64_t>(at);
    }
  }
  return -1;
}

}  // namespace fluxsbi::data
