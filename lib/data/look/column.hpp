// What the values of one column say about themselves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/look/tally.hpp"

namespace fluxsbi::data {

/// Counts of values in equal bins of [low, high]. Empty where a column does not vary.
struct Histogram {
  double low = 0, high = 0;
  std::vector<int64_t> counts;
};

/// Facts about one number of a row. Counts, ends, mean and deviation are those of all rows where a tally was
/// made; what needs sorting is that of the rows that were looked at.
struct ColumnFacts {
  std::string name;
  int64_t count = 0;    ///< finite values
  int64_t missing = 0;  ///< NaN, infinite, or beyond largest_value
  double smallest = 0, largest = 0;
  double lower_quartile = 0, median = 0, upper_quartile = 0;
  double mean = 0, deviation = 0;  ///< of the finite values
  /// (upper - lower quartile) / 1.349, a normal's standard deviation; where the quartiles are equal, that
  /// between the 1 % and the 99 % quantile / 4.653; 0 for less than 2 % of other values.
  double spread = 0;
  int64_t distinct = 0;
  bool whole = true;     ///< all values are whole numbers
  int64_t extremes = 0;  ///< values beyond extreme_z spreads from the median
  double largest_z = 0;  ///< largest |value - median| / spread; 0 where spread is 0
  double farthest = 0;   ///< the value of largest_z
  double outside = 0;    ///< theta: share of the values outside the prior's support
  /// Values that stand for "none": repeated and far from all others; or repeated in a column that hardly
  /// repeats another and customary for it (-999), more than 5 spreads from the median, more than one beyond
  /// all others, or negative where no other value is.
  std::vector<RepeatedValue> fills;
  /// The smallest or largest value where an otherwise continuous column repeats it: a limit of detection.
  std::vector<RepeatedValue> limits;
  /// From the 0.5 % to the 99.5 % quantile; the few values beyond are not in it.
  Histogram histogram;
  /// Values between others that an otherwise continuous column repeats.
  std::vector<RepeatedValue> repeats;
  double step = 0;  ///< between neighbouring numbers of the file's type at the larger quartile

  /// Rounded so that a hundredth of the spread is lost.
  bool coarse() const { return spread > 0 && step > spread / 100; }

  bool constant() const { return distinct == 1; }
  /// Few values for many rows.
  bool discrete() const { return count >= 200 && distinct > 1 && distinct <= 20; }
};

inline constexpr double extreme_z = 20;

/// Facts of `values`, which it sorts; those that are not is_finite() count as missing. `missing` more
/// were left out before. `all`: the tally of all values of which these are a sample, or null.
ColumnFacts column_facts(std::string name, std::vector<double> values, int64_t missing = 0,
                         const ColumnTally* all = nullptr);

}  // namespace fluxsbi::data
