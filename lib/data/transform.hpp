// Transforms of single features: from the data's units to the line on which a feature is standardised.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace fluxsbi::data {

/// What stands on the line, u, for a value v:
///   none   u = v
///   log    u = log(v - low), or u = -log(high - v) where the high end is the finite one
///   logit  u = log((v - low) / (high - v)), between two finite ends
///   asinh  u = asinh((v - centre) / width): linear near the centre, logarithmic far away on both sides
enum class TransformKind { none, log, logit, asinh };
std::span<const std::string_view> enum_names(TransformKind);

/// Open ranges (low, high) of a row's features, [size], infinite where there is no end; empty: none has an
/// end.
struct Range {
  std::vector<double> low, high;
  bool empty() const { return low.empty(); }
};

/// The transform of one feature. Everything is computed in double. NaN stays NaN.
///
/// log and logit know no value on an end or beyond it. Such values, and those nearer to an end than a margin,
/// count as a margin away from it (moves), so that all is finite. What inverse returns lies strictly inside.
struct Transform {
  TransformKind kind = TransformKind::none;
  double low = -std::numeric_limits<double>::infinity();  ///< log: one end is finite; logit: both are
  double high = std::numeric_limits<double>::infinity();
  double low_margin = 0, high_margin = 0;  ///< of the finite ends, > 0 once fitted
  double centre = 0, width = 1;            ///< asinh; width > 0

  double forward(double value) const;
  double inverse(double u) const;
  /// log du/dv at a value.
  double log_slope(double value) const;
  /// d log_slope / du at u.
  double log_slope_gradient(double u) const;
  /// Whether forward moves the value inside.
  bool moves(double value) const;
  bool has_low() const { return low > -std::numeric_limits<double>::infinity(); }
  bool has_high() const { return high < std::numeric_limits<double>::infinity(); }

 private:
  /// Distances to the finite ends, not below their margins; 1 where there is no end.
  std::pair<double, double> distances(double value) const;
};

/// log or logit between these ends, none where both are infinite. The margin is 1e-7 of the width between
/// two ends, else the least number of float32: those of model files that name none.
Transform between(double low, double high);
/// The same for each feature of a range; empty for an empty range.
std::vector<Transform> between(const Range& range);

/// Whether a value is an end as far as the type tells in which it was stored: float32 where `single`, which
/// rounds 0.1 to 0.10000000149.
bool is_end(double value, double end, bool single);

}  // namespace fluxsbi::data
