// What a model remembers of the data it was trained on, to say how unlike them an observation is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Facts about the numbers of x, [size] each, to ten digits, and some rows. Empty for models without x and
/// for those of older versions.
struct Reference {
  std::vector<double> mean, deviation;  ///< of the finite values
  std::vector<double> low, high;        ///< the smallest and the largest
  std::vector<double> median, spread;   ///< ColumnFacts::spread; empty where no rows are remembered
  std::vector<float> rows;              ///< [rows, size], u = asinh((value - median) / spread)

  bool empty() const { return mean.empty(); }
  int64_t row_count() const { return mean.empty() ? 0 : std::ssize(rows) / std::ssize(mean); }
};

/// At most so many rows, and together so many numbers, are remembered; none where fewer than the least fit.
inline constexpr int64_t reference_rows = 256, least_reference_rows = 32, reference_numbers = 1 << 13;

/// An observation that is unlike the training data.
struct Unlikeness {
  int64_t row = 0;
  std::string text;  ///< "x_0 = 50 is 85 training standard deviations from the mean (...)"
};

/// The rows of `x` [rows, size], data's units, that are unlike the training data; `names` are of its numbers.
/// NaN is passed over.
///
/// A number is told where it lies beyond the training values by more than half of their range, or more than
/// `far_deviations` standard deviations from their mean and half again as far as the farthest of them. A row
/// is told where its nearest remembered row is twice as far as the largest such distance among the remembered
/// rows themselves; distances are those of u, which heavy tails do not rule.
std::vector<Unlikeness> unlike_training(const Reference& reference, std::span<const double> x,
                                        std::span<const std::string> names);
inline constexpr double far_deviations = 6;

}  // namespace fluxsbi::data
