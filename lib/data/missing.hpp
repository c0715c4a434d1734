// Values that are missing or not finite.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::data {

/// Larger numbers count as infinite, so that a product of four is a number of float64 whatever is computed of
/// the data. Networks see standardised numbers, so float32's range is no limit.
inline constexpr double largest_value = 1e75;
inline constexpr const char* beyond_largest = "beyond 1e75";
/// True for numbers that data may hold: not NaN, and at most largest_value in size.
bool is_finite(double value);
/// Place of the first value that is not finite (where `may_lack`, that is infinite), or -1.
int64_t first_bad(std::span<const double> row, bool may_lack = false);

/// Where training hides values of x at `rate` besides those that are missing: the share of the rows that lose
/// any, which is also that of the values of such a row (method::HiddenValues).
double hidden_share(double rate);

/// Counts the values of x that are NaN, row by row.
class MissingCount {
 public:
  /// For rows of `features` values.
  explicit MissingCount(int64_t features = 0)
      : of_feature_(static_cast<size_t>(features)), by_number_(static_cast<size_t>(features) + 1) {}

  void add(std::span<const double> row);

  int64_t cells() const { return cells_; }
  int64_t rows() const { return rows_; }                                  ///< rows that lack a value
  int64_t empty_rows() const { return empty_; }                           ///< rows that lack all values
  const std::vector<int64_t>& of_feature() const { return of_feature_; }  ///< rows that lack it

  /// The rate at which training hides values besides, unless it is told: 0.05, enough that no value's absence
  /// is new to the model and that little is to be learnt besides, or 0.01 where a tenth of the rows or more
  /// lack values of their own, whose pattern is then the one to learn.
  double rate_besides() const;

  /// How many values a row lacks in training, all but about one row in a thousand, if values that are there
  /// are hidden at `rate` besides (method::HiddenValues): the quantile of the rows' own numbers, and, of the
  /// rows that hide values, the mean number and three standard deviations.
  int64_t usual(double rate) const;

  /// Throws UserError naming the features that every row lacks: nothing can be learnt from them.
  void require_values(const std::string& source, std::span<const std::string> names) const;
  /// "1200 of 8000 values of x are missing, in 1100 of 4000 rows (x_0 20 %, x_1 10 %); 3 rows lack all of x,
  /// ...":
  /// the features that lack most come first.
  std::string text(std::span<const std::string> names) const;

 private:
  std::vector<int64_t> of_feature_;
  std::vector<int64_t> by_number_;  ///< rows that lack so many values
  int64_t seen_ = 0, cells_ = 0, rows_ = 0, empty_ = 0;
};

}  // namespace fluxsbi::data
