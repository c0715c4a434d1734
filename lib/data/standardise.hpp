// Standardisation: z = (u - mean) / scale, u being the value or its transform (transform.hpp); computed once
// on the training split and stored with the model.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/philox.hpp"
#include "data/transform.hpp"

namespace fluxsbi::data {

/// Which numbers share a mean and a scale; automatic until the data and the network are known (resolve in
/// data_options.hpp). robust is by median and quartiles.
enum class Standardise { automatic, per_feature, per_channel, shared, robust, none };
std::span<const std::string_view> enum_names(Standardise);

/// What is done about columns that do not vary.
enum class ConstantColumns { automatic, error, keep };
std::span<const std::string_view> enum_names(ConstantColumns);

/// Means and scales of a row's features, [size]; scale > 0. "none" has mean 0 and scale 1. NaN stays NaN.
/// Data without x have a standardiser of size 0.
struct Standardiser {
  std::vector<double> mean, scale;
  std::vector<Transform> transforms = {};  ///< of the features, [size]; empty: none has one

  /// values [rows, size] as the networks see them: rounded to float32 once they are standardised.
  void apply(std::span<const double> values, std::span<float> out) const;
  std::vector<float> apply(std::span<const double> values) const;
  /// The same before they are rounded.
  std::vector<double> standardised(std::span<const double> values) const;
  double standardised(size_t i, double value) const;  ///< of feature i
  /// Back to the data's units, [rows, size].
  std::vector<double> invert(std::span<const float> standardised) const;
  std::vector<double> invert(std::span<const double> standardised) const;
  /// log dz/dvalue of feature i at a value: what a density of z gains to become one of the value.
  double log_slope(size_t i, double value) const;
  /// d log_slope / dz of feature i at z; 0 for features without a transform.
  double log_slope_gradient(size_t i, double z) const;
  /// How many values [rows, size] Transform::moves, without those on an end: training took them the same way.
  int64_t moved(std::span<const double> values) const;

 private:
  double inverse(size_t i, double z) const;
};

/// A feature whose standard deviation is below this share of its mean counts as constant: its type tells
/// fewer than about ten values of it apart.
inline constexpr double constant_ratio_single = 1e-6, constant_ratio_double = 1e-14;

/// Numbers of one side that are standardised together: their mean and standard deviation are exact (two
/// passes) within a block, and quantiles are those of a sample once there are more.
inline constexpr int64_t block_numbers = int64_t{1} << 24;

/// What a standardiser is fitted to.
struct StandardiserRequest {
  Standardise kind = Standardise::per_feature;  ///< not automatic
  bool keep_constant = false;
  std::vector<std::string> names;  ///< of the features [size], or of the tokens (size is a multiple of them)
  /// [size] or empty. Their margins are fitted: half the smallest distance to an end that the training rows
  /// show, those on an end left out.
  std::vector<Transform> transforms = {};
  std::vector<uint8_t> robust = {};  ///< [size] or empty: 1 standardises a feature as kind robust does
  bool single = true;                ///< float32 holds every value
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
/// Moments are those of the transformed values; values on an end of log and logit are left out. Data without
/// x have size 0 and nothing to standardise.
class StandardiserFit {
 public:
  StandardiserFit(int64_t size, StandardiserRequest request, core::Philox random,
                  int64_t most_numbers = block_numbers);

  /// Takes the rows `rows` of a block of values [*, size]. They must lie within their transforms' ends.
  void add(std::span<const double> values, std::span<const int64_t> rows);
  /// Throws UserError for constant features unless keep_constant (scale 1): names them and data.constant.
  Standardiser finish() const;
  /// For each feature the values so far that lie on an end of its transform, [size].
  const std::vector<int64_t>& on_end() const { return on_end_; }
  /// Whether all values of a feature lie on the end of its log, so that no distance tells a margin: it is 1
  /// then.
  bool on_end_alone(size_t i) const;

 private:
  struct Moments {
    std::vector<double> count, mean, squares;  ///< of each group; squares of differences from the mean
  };
  Moments moments_of(std::span<const double> values, std::span<const int64_t> rows) const;
  void merge(const Moments& block);
  std::vector<double> transformed(std::span<const double> values, std::span<const int64_t> rows);
  std::vector<Transform> fitted_transforms() const;
  bool wants_sample() const;
  bool is_robust(size_t i) const;
  bool spreads(double scale, double centre) const;
  void sample(std::span<const double> values, std::span<const int64_t> rows);
  Standardiser of_groups() const;

  size_t size_, groups_;  ///< feature i belongs to group i % groups_
  StandardiserRequest request_;
  Moments total_;
  core::Philox random_;
  int64_t most_rows_, rows_seen_ = 0;
  std::vector<double> sample_;                      ///< [rows, size], of robust alone
  std::vector<double> nearest_low_, nearest_high_;  ///< smallest distances to the ends, [size]
  std::vector<int64_t> on_end_;
};

/// The first value of `values` [*, size] among the rows `rows` that lies beyond its transform's ends (on an
/// end as is_end says is inside), as a place in `values`; -1 if there is none.
int64_t first_outside(std::span<const Transform> transforms, bool single, std::span<const double> values,
                      std::span<const int64_t> rows);

}  // namespace fluxsbi::data
