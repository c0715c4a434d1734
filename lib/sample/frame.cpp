#include "sample/frame.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace fluxsbi::sample {

Frame::Frame(const data::Standardiser& standardiser, const data::Regression& regression,
             std::span<const float> x)
    : standardiser_(&standardiser) {
  if (regression.empty()) return;
  regression_ = &regression;
  centres_ = regression.centres(x);
}

std::vector<double> Frame::centres_of(std::span<const int64_t> rows) const {
  const size_t size = standardiser_->mean.size();
  std::vector<double> centres(rows.size() * size);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto first = centres_.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(rows[i]) * size);
    std::copy_n(first, size, centres.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
  return centres;
}

std::vector<float> Frame::state_of(std::span<const double> values, std::span<const int64_t> rows) const {
  if (!regression_) return standardiser_->apply(values);
  core::require(values.size() == rows.size() * standardiser_->mean.size(), "an observation for each item");
  std::vector<double> z = standardiser_->standardised(values);
  regression_->to_residual(z, centres_of(rows));
  return {z.begin(), z.end()};
}

std::vector<double> Frame::values_of(std::span<const float> states, std::span<const int64_t> rows) const {
  if (!regression_) return standardiser_->invert(states);
  std::vector<double> z(states.begin(), states.end());
  regression_->from_residual(z, centres_of(rows));
  return standardiser_->invert(z);
}

double Frame::log_slope(std::span<const double> value, std::span<const uint8_t> given) const {
  double sum = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    if (!given.empty() && given[i]) continue;
    sum += standardiser_->log_slope(i, value[i]);
    if (regression_) sum -= std::log(regression_->scale[i]);
  }
  return sum;
}

std::vector<double> Frame::log_slope_gradient(std::span<const float> states,
                                              std::span<const int64_t> rows) const {
  const size_t size = standardiser_->mean.size();
  std::vector<double> z(states.begin(), states.end());
  if (regression_) regression_->from_residual(z, centres_of(rows));
  for (size_t i = 0; i < z.size(); ++i) {
    z[i] = standardiser_->log_slope_gradient(i % size, z[i]);
    if (regression_) z[i] *= regression_->scale[i % size];
  }
  return z;
}

// The origin of the common units is the mean of the observations' own, near which theta lies.
Frame::Common Frame::common(int64_t rows) const {
  const size_t size = standardiser_->mean.size(), count = static_cast<size_t>(rows);
  Common common{*standardiser_, std::vector<double>(count * size, 0)};
  for (size_t i = 0; regression_ && i < size; ++i) {
    double mean = 0;
    for (size_t row = 0; row < count; ++row) mean += centres_[row * size + i] / static_cast<double>(count);
    for (size_t row = 0; row < count; ++row)
      common.origins[row * size + i] = (centres_[row * size + i] - mean) / regression_->scale[i];
    common.units.mean[i] += common.units.scale[i] * mean;
    common.units.scale[i] *= regression_->scale[i];
  }
  return common;
}

}  // namespace fluxsbi::sample
