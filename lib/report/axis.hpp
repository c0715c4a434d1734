// The axes of pictures: range, ticks and labels.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace fluxsbi::report {

/// [low, high] in equal bins; low < high, bins >= 1.
struct Axis {
  double low = 0, high = 1;
  int bins = 1;

  double width() const { return (high - low) / bins; }
  double centre(int bin) const { return low + (bin + 0.5) * width(); }
  /// The bin that holds `value`, or -1 outside [low, high).
  int bin_of(double value) const;
};

/// A range that shows what `values` (not empty) hold: all but the outermost 0.2 % at each side, with a margin
/// of a tenth, and never empty. `values` are reordered.
Axis range_of(std::span<double> values, int bins);

struct Tick {
  double position;
  std::string text;  ///< without trailing noise, all of one axis with the same decimals
};

/// Round positions in [low, high] (1, 2 or 5 times a power of ten apart), `wanted` of them at most, 2 at
/// least if they fit.
std::vector<Tick> ticks(double low, double high, int wanted);

}  // namespace fluxsbi::report
