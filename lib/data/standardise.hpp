// Standardisation: z = (u - mean) / scale of u = value, or of u on the whole line for values of a range;
// computed once on the training split and stored with the model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::data {

/// Which numbers share a mean and a scale; automatic until the data and the network are known (resolve in
/// data_options.hpp). robust is by median and quartiles.
enum class Standardise { automatic, per_feature, per_channel, shared, robust, none };
std::span<const std::string_view> enum_names(Standardise);

/// What is done about columns that do not vary.
enum class ConstantColumns { automatic, error, keep };
std::span<const std::string_view> enum_names(ConstantColumns);

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

  /// values [rows, size] as the networks see them: rounded to float32 once they are standardised.
  void apply(std::span<const double> values, std::span<float> out) const;
  std::vector<float> apply(std::span<const double> values) const;
  /// Back to the data's units, [rows, size].
  std::vector<double> invert(std::span<const float> standardised) const;
  /// log dz/dvalue of feature i at a value: what a density of z gains to become one of the value.
  double log_slope(size_t i, double value) const;
  /// d log_slope / dz of feature i at z; 0 for features without a range.
  double log_slope_gradient(size_t i, double z) const;
};

/// A feature whose standard deviation is below this share of its mean counts as constant: float32, in which
/// observations are given and samples come, tells fewer than about ten values of it apart.
inline constexpr double constant_ratio = 1e-6;

/// Numbers of one side that are standardised together: their mean and standard deviation are exact (two
/// passes) within a block, and quantiles are those of a sample once there are more.
inline constexpr int64_t block_numbers = int64_t{1} << 24;

/// What a standardiser is fitted to.
struct StandardiserRequest {
  Standardise kind = Standardise::per_feature;  ///< not automatic
  bool keep_constant = false;
  std::vector<std::string> names;  ///< of the features [size], or of the tokens (size is a multiple of them)
  Range range = {};
};

/// Fits a standardiser in one pass over blocks of rows.
///
/// Mean and standard deviation (ddof 0, in double), NaN (absent elements of sets) left out: two passes within
/// a block, blocks merged by the pairwise update of Chan, Golub and LeVeque (The American Statistician 37,
/// 1983, eq. 2.1), so that one block gives what two passes over all rows do. per_channel: one mean and scale
/// for all tokens' k-th channel; shared: one for all features. robust, for heavy tails: each feature's median
/// and its interquartile range over 1.349, a normal's standard deviation; mean and standard deviation where
/// the range is 0. Its quantiles are of all rows while they have at most `most_numbers` numbers, then of a
/// uniform sample of most_numbers / size rows, drawn by `random` (Vitter 1985, algorithm R).
///
/// With a range the moments are those on the whole line. Data without x have size 0 and nothing to
/// standardise.
class StandardiserFit {
 public:
  StandardiserFit(int64_t size, StandardiserRequest request, core::Philox random,
                  int64_t most_numbers = block_numbers);

  /// Takes the rows `rows` of a block of values [*, size]. They must lie within the range.
  void add(std::span<const double> values, std::span<const int64_t> rows);
  /// Throws UserError for constant features unless keep_constant (scale 1): names them and data.constant.
  Standardiser finish() const;

 private:
  struct Moments {
    std::vector<double> count, mean, squares;  ///< of each group; squares of differences from the mean
  };
  Moments moments_of(std::span<const double> values, std::span<const int64_t> rows) const;
  void merge(const Moments& block);
  void sample(std::span<const double> values, std::span<const int64_t> rows);
  Standardiser of_groups() const;

  size_t size_, groups_;  ///< feature i belongs to group i % groups_
  StandardiserRequest request_;
  Moments total_;
  core::Philox random_;
  int64_t most_rows_, rows_seen_ = 0;
  std::vector<double> sample_;  ///< [rows, size], of robust alone
};

/// The first value of `values` [*, size] among the rows `rows` that lies outside the range (on an end is
/// inside), as a place in `values`; -1 if there is none.
int64_t first_outside(const Range& range, std::span<const double> values, std::span<const int64_t> rows);

}  // namespace fluxsbi::data
