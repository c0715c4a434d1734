// Whether float32 is fine enough for the numbers of a column.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/array.hpp"

namespace fluxsbi::data {

/// The distance from float32's number nearest to `size` to the next larger one; NaN beyond float32's range.
double single_step(double size);

/// Whether float32 has a number of about this size with all its digits, or `value` is 0. It loses digits
/// below 1.2e-38 and has nothing but 0 below 7e-46 and infinity above 3.4e38.
bool holds_size_in_single(double value);

/// Count, mean, standard deviation and largest size of the finite ones of the values that were added (Welford
/// 1962), and how many are too small or too large for float32.
class ColumnSpread {
 public:
  ColumnSpread() = default;
  /// What numbers() of another gave.
  explicit ColumnSpread(const std::array<double, 5>& numbers);
  std::array<double, 5> numbers() const;
  void add(double value);
  double deviation() const;
  /// True where the values differ and float32's numbers at the largest of them are farther apart than a
  /// `parts`-th of the standard deviation, or end before it, or where more than a `parts`-th of the values
  /// are not of its size (holds_size_in_single).
  bool coarse_in_single(double parts) const;

 private:
  int64_t count_ = 0;
  double mean_ = 0, squares_ = 0, largest_ = 0;
  int64_t not_single_ = 0;
};

/// Parts of the spread of a column of simulations that its file keeps apart.
inline constexpr double parts_of_simulations = 1000;

/// The first column of `values` [rows, size] for which float32 is too coarse (parts_of_simulations).
std::optional<size_t> coarse_in_single(std::span<const double> values, size_t size);

/// Whether every value is a number of float32, or NaN.
bool fits_single(std::span<const double> values);

/// The values as an array of float64 or, rounded, of float32.
io::Array array_of(std::span<const double> values, std::vector<int64_t> shape, bool as_float64);

}  // namespace fluxsbi::data
