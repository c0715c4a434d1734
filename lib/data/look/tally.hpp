// What one pass over all values of a column tells without sorting them.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "data/missing.hpp"

namespace fluxsbi::data {

/// A value that a column holds again and again.
struct RepeatedValue {
  double value = 0;
  int64_t count = 0;
};

/// The smallest or the largest different values of a column, the outermost first, each with its exact count.
class ColumnEnd {
 public:
  static constexpr size_t most = 4;

  /// sign: 1 for the smallest values, -1 for the largest.
  explicit ColumnEnd(double sign) : sign_(sign) {}
  /// `value` is finite.
  void add(double value) {
    if (sign_ * value <= bound_) note(value);
  }
  std::span<const RepeatedValue> values() const { return std::span(runs_).first(size_); }
  /// True where there may be more of them.
  bool full() const { return size_ == most; }

 private:
  void note(double value);

  double sign_, bound_ = std::numeric_limits<double>::infinity();  // sign * the innermost, once full
  size_t size_ = 0;
  std::array<RepeatedValue, most> runs_;
};

class ColumnTally {
 public:
  /// Values that are not is_finite() count as missing.
  void add(double value) {
    if (!is_finite(value)) {
      ++missing_;
      return;
    }
    if (count_++ == 0) shift_ = value;
    const double difference = value - shift_;
    sum_ += difference;
    squares_ += difference * difference;
    whole_ = whole_ && value == std::floor(value);
    low_.add(value);
    high_.add(value);
  }
  void add_missing() { ++missing_; }

  int64_t count() const { return count_; }
  int64_t missing() const { return missing_; }
  bool whole() const { return whole_; }
  double mean() const;
  double deviation() const;
  const ColumnEnd& low() const { return low_; }
  const ColumnEnd& high() const { return high_; }

 private:
  int64_t count_ = 0, missing_ = 0;
  double shift_ = 0, sum_ = 0, squares_ = 0;  // of differences from the first value
  bool whole_ = true;
  ColumnEnd low_{1}, high_{-1};
};

/// Columns for which tallies are made; of more, as images have them, a sample of rows tells enough.
inline constexpr size_t most_tallied = 100000;

}  // namespace fluxsbi::data
