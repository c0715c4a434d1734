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

// Calls work with the place of each of the numbers [*, size] and its feature.
template <typename Work>
void each(size_t numbers, size_t size, const Work& work) {
  for (size_t row = 0; row < numbers; row += size) {
    for (size_t i = 0; i < size; ++i) work(row + i, i);
  }
}

[[noreturn]] void refuse_constant(const std::vector<std::string>& constant, bool single) {
  const std::string text = core::list_first(constant, 6);
  throw core::UserError(
      (constant.size() == 1 ? "the column " + text + " is" : "the columns " + text + " are") +
      " constant in the training rows (to the precision of " + (single ? "float32" : "float64") +
      "), so nothing can be learnt from them; leave them out, subtract a large offset before writing the "
      "file, or set data.constant: keep (scale 1)");
}

}  // namespace

double Standardiser::standardised(size_t i, double value) const {
  return ((transforms.empty() ? value : transforms[i].forward(value)) - mean[i]) / scale[i];
}

double Standardiser::inverse(size_t i, double z) const {
  const double u = z * scale[i] + mean[i];
  return transforms.empty() ? u : transforms[i].inverse(u);
}

void Standardiser::apply(std::span<const double> values, std::span<float> out) const {
  core::require(values.size() == out.size(), "as many values before as after");
  each(values.size(), mean.size(),
       [&](size_t at, size_t i) { out[at] = static_cast<float>(standardised(i, values[at])); });
}

std::vector<float> Standardiser::apply(std::span<const double> values) const {
  std::vector<float> standardised(values.size());
  apply(values, standardised);
  return standardised;
}

std::vector<double> Standardiser::standardised(std::span<const double> values) const {
  std::vector<double> all(values.size());
  each(values.size(), mean.size(), [&](size_t at, size_t i) { all[at] = standardised(i, values[at]); });
  return all;
}

std::vector<double> Standardiser::invert(std::span<const double> standardised) const {
  std::vector<double> values(standardised.size());
  each(values.size(), mean.size(), [&](size_t at, size_t i) { values[at] = inverse(i, standardised[at]); });
  return values;
}

std::vector<double> Standardiser::invert(std::span<const float> standardised) const {
  return invert(std::vector<double>(standardised.begin(), standardised.end()));
}

double Standardiser::log_slope(size_t i, double value) const {
  return (transforms.empty() ? 0 : transforms[i].log_slope(value)) - std::log(scale[i]);
}

double Standardiser::log_slope_gradient(size_t i, double z) const {
  return transforms.empty() ? 0 : scale[i] * transforms[i].log_slope_gradient(z * scale[i] + mean[i]);
}

int64_t Standardiser::moved(std::span<const double> values) const {
  int64_t count = 0;
  for (size_t i = 0; !transforms.empty() && i < values.size(); ++i) {
    const Transform& transform = transforms[i % transforms.size()];
    const bool on_end = is_end(values[i], transform.low, true) || is_end(values[i], transform.high, true);
    count += transform.moves(values[i]) && !on_end;
  }
  return count;
}

StandardiserFit::StandardiserFit(int64_t size, StandardiserRequest request, core::Philox random,
                                 int64_t most_numbers)
    : size_(static_cast<size_t>(size)), groups_(size_), request_(std::move(request)), random_(random) {
  most_rows_ = std::max<int64_t>(1, most_numbers / std::max<int64_t>(1, size));
  if (size == 0) return;
  const size_t tokens = request_.names.size();
  core::require(tokens > 0 && size_ % tokens == 0, "a name for each feature or token");
  core::require(request_.kind != Standardise::automatic, "what standardises is resolved");
  core::require(request_.transforms.empty() || request_.transforms.size() == size_,
                "a transform for each feature");
  core::require(request_.robust.empty() || request_.robust.size() == size_, "a word for each feature");
  if (request_.kind == Standardise::per_channel) groups_ = size_ / tokens;
  if (request_.kind == Standardise::shared) groups_ = 1;
  nearest_low_.assign(size_, std::numeric_limits<double>::infinity());
  nearest_high_ = nearest_low_;
  on_end_.assign(size_, 0);
}

bool StandardiserFit::is_robust(size_t i) const {
  return request_.kind == Standardise::robust || (!request_.robust.empty() && request_.robust[i]);
}

bool StandardiserFit::wants_sample() const {
  return request_.kind == Standardise::robust ||
         std::count(request_.robust.begin(), request_.robust.end(), uint8_t{1}) > 0;
}

bool StandardiserFit::spreads(double scale, double centre) const {
  return scale > (request_.single ? constant_ratio_single : constant_ratio_double) * std::abs(centre);
}

// The values on the line, NaN where they lie on an end. Notes the smallest distances to the ends.
std::vector<double> StandardiserFit::transformed(std::span<const double> values,
                                                 std::span<const int64_t> rows) {
  std::vector<double> line(values.begin(), values.end());
  for (const int64_t row : rows) {
    double* first = line.data() + static_cast<size_t>(row) * size_;
    for (size_t i = 0; i < size_; ++i) {
      const Transform& transform = request_.transforms[i];
      const double value = first[i];
      if (transform.kind == TransformKind::none || std::isnan(value)) continue;
      if (is_end(value, transform.low, request_.single) || is_end(value, transform.high, request_.single)) {
        ++on_end_[i];
        first[i] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      if (transform.has_low()) nearest_low_[i] = std::min(nearest_low_[i], value - transform.low);
      if (transform.has_high()) nearest_high_[i] = std::min(nearest_high_[i], transform.high - value);
      Transform exact = transform;
      exact.low_margin = exact.high_margin = std::numeric_limits<double>::min();
      first[i] = static_cast<float>(exact.forward(value));  // rounded as the networks see it
    }
  }
  return line;
}

bool StandardiserFit::on_end_alone(size_t i) const {
  return on_end_[i] > 0 && request_.transforms[i].kind == TransformKind::log && std::isinf(nearest_low_[i]) &&
         std::isinf(nearest_high_[i]);
}

std::vector<Transform> StandardiserFit::fitted_transforms() const {
  std::vector<Transform> fitted = request_.transforms;
  for (size_t i = 0; i < fitted.size(); ++i) {
    if (std::isfinite(nearest_low_[i])) fitted[i].low_margin = nearest_low_[i] / 2;
    if (std::isfinite(nearest_high_[i])) fitted[i].high_margin = nearest_high_[i] / 2;
    // All on the end of a logarithm: 0, where the least number of float32 would give -87
    if (on_end_alone(i)) fitted[i].low_margin = fitted[i].high_margin = 1;
  }
  return fitted;
}

void StandardiserFit::add(std::span<const double> values, std::span<const int64_t> rows) {
  if (size_ == 0 || rows.empty() || request_.kind == Standardise::none) return;
  std::vector<double> line;
  if (!request_.transforms.empty()) {
    line = transformed(values, rows);
    values = line;
  }
  merge(moments_of(values, rows));
  if (wants_sample()) sample(values, rows);
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
  std::vector<double> left(groups_);  // what rounding the sum took from the mean, times the count
  for_each([&](size_t group, double value) {
    const double difference = value - block.mean[group];
    left[group] += difference;
    block.squares[group] += difference * difference;
  });
  // 1e-13 of the mean for 10,000 values: beside the spread of a constant column, or of one with a large
  // offset, that is not nothing. Other moments keep their bits.
  constexpr double no_matter = 1e-9;  // of a standard deviation
  for (size_t g = 0; g < groups_; ++g) {
    if (!(std::abs(left[g]) > no_matter * std::sqrt(block.count[g] * block.squares[g]))) continue;
    const double correction = left[g] / block.count[g];
    block.mean[g] += correction;
    block.squares[g] = std::max(0.0, block.squares[g] - left[g] * correction);
  }
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
  if (!wants_sample()) return result;
  constexpr double normal_range = 1.3489795003921634;  // between the quartiles of N(0, 1)
  for (size_t i = 0; i < size_; ++i) {
    std::vector<double> column;
    if (!is_robust(i)) continue;
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
    return {std::vector<double>(size_, 0.0), std::vector<double>(size_, 1.0), fitted_transforms()};
  core::require(!total_.count.empty(), "standardisation needs rows");
  const Standardiser groups = of_groups();
  Standardiser result;
  result.transforms = fitted_transforms();
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
  if (!constant.empty() && !request_.keep_constant) refuse_constant(constant, request_.single);
  return result;
}

int64_t first_outside(std::span<const Transform> transforms, bool single, std::span<const double> values,
                      std::span<const int64_t> rows) {
  const size_t size = transforms.size();
  for (const int64_t row : rows) {
    for (size_t i = 0; i < size; ++i) {
      const size_t at = static_cast<size_t>(row) * size + i;
      const Transform& transform = transforms[i];
      const bool below = values[at] < transform.low && !is_end(values[at], transform.low, single);
      const bool above = values[at] > transform.high && !is_end(values[at], transform.high, single);
      if (below || above) return static_cast<int64_t>(at);
    }
  }
  return -1;
}

}  // namespace fluxsbi::data
