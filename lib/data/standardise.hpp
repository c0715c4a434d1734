// Standardisation: z = (u - mean) / scale of u = value, or of u on the whole line for values of a range;
// computed once on the training split and stored with the model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Open ranges (low, high) of a row's features, [size], infinite where there is no end; empty: none has an
/// end.
struct Range {
  std::vector<double> low, high;
  bool empty() const { return low.empty(); }
};

/// Means and scales of a row's features, [size]; scale > 0. "none" has mean 0 and scale 1. NaN stays NaN.
/// Data without x have a standardiser of size 0.
///
/// Features with a range are standardised on the whole line: u = log((value - low) / (high - value)), with
/// one end log(value - low) or -log(high - value). What invert returns lies inside. Values on an end, or as
/// near as 1e-7 of the range's width, are taken as if they were that far inside.
struct Standardiser {
  std::vector<double> mean, scale;
  Range range = {};

  /// In place; values [rows, size].
  void apply(std::span<float> values) const;
  void invert(std::span<float> values) const;
  /// log dz/dvalue of feature i at a value: what a density of z gains to become one of the value.
  double log_slope(size_t i, double value) const;
  /// d log_slope / dz of feature i at z; 0 for features without a range.
  double log_slope_gradient(size_t i, double z) const;
};

/// A feature whose standard deviation is below this share of its mean counts as constant: float32 tells fewer
/// than about ten values of it apart.
inline constexpr double constant_ratio = 1e-6;

/// Mean and standard deviation (ddof 0, two passes in double) over the given rows of values [*, size], NaN
/// (absent elements of sets) left out. kind: per_feature, per_channel (one mean and scale for all tokens'
/// k-th channel), shared (one for all features), none, or robust, for heavy tails: each feature's median and
/// its interquartile range over 1.349, a normal's standard deviation; mean and standard deviation where the
/// range is 0. Throws UserError for constant features unless keep_constant (scale 1): names them and
/// data.constant. names: of the features [size], or of the tokens (size is then a multiple of their number).
/// Size 0 has nothing to standardise. With a range the moments are those on the whole line, and a value
/// outside (on an end is inside) is a UserError that names row and feature.
Standardiser fit_standardiser(std::span<const float> values, int64_t size, std::span<const int64_t> rows,
                              const std::string& kind, bool keep_constant, std::span<const std::string> names,
                              const Range& range = {});

}  // namespace fluxsbi::data
