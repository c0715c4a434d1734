#include "data/survey.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/files/sets.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::data {

namespace {

/// Numbers beyond float32's range become infinite where networks see them.
bool is_finite(double value) {
  return std::isfinite(static_cast<float>(value));
}

/// Place of the first value that is not finite (where `may_lack`, infinite), or -1.
int64_t first_bad(std::span<const double> row, bool may_lack = false) {
  const auto found = std::find_if_not(row.begin(), row.end(), [may_lack](double value) {
    return is_finite(value) || (may_lack && std::isnan(value));
  });
  return found == row.end() ? -1 : found - row.begin();
}

/// One side of a block of rows.
class SideSurvey {
 public:
  SideSurvey(const RowArray& array, StandardiserRequest request, core::Philox random, int64_t most_numbers)
      : array_(array),
        size_(static_cast<size_t>(array.row_size())),
        fit_(array.row_size(), std::move(request), random, most_numbers) {}

  void read(int64_t first, int64_t count) {
    values_.resize(static_cast<size_t>(count) * size_);
    array_.read(first, count, values_);
  }
  std::span<const double> row(int64_t i) const {
    return std::span(values_).subspan(static_cast<size_t>(i) * size_, size_);
  }
  std::span<const double> values() const { return values_; }

  /// Continues the CRC-32 with the rows `rows` of the block, and the fit with those that train.
  void take(std::span<const int64_t> rows, std::span<const int64_t> training) {
    for (size_t at = 0; at < rows.size();) {
      size_t end = at + 1;
      while (end < rows.size() && rows[end] == rows[end - 1] + 1) ++end;
      add_to_crc(std::span(values_).subspan(static_cast<size_t>(rows[at]) * size_, (end - at) * size_));
      at = end;
    }
    fit_.add(values_, training);
  }

  uint32_t crc() const { return crc_; }
  uint64_t crc_bytes() const { return crc_bytes_; }
  Standardiser finish() const { return fit_.finish(); }

 private:
  void add_to_crc(std::span<const double> values) {
    std::vector<float> single;
    std::span<const std::byte> bytes = std::as_bytes(values);
    if (array_.is_single()) {
      single.assign(values.begin(), values.end());
      bytes = std::as_bytes(std::span<const float>(single));
    }
    crc_ = io::crc32(bytes, crc_);
    crc_bytes_ += bytes.size();
  }

  const RowArray& array_;
  size_t size_;
  StandardiserFit fit_;
  std::vector<double> values_;  ///< of the block
  uint32_t crc_ = 0;
  uint64_t crc_bytes_ = 0;
};

/// One pass. What is wrong with values is kept until the end, where all rows have been counted.
class Pass {
 public:
  Pass(const Dataset& dataset, const DataOptions& options, uint64_t seed, const Range& theta_range,
       int64_t most_numbers)
      : dataset_(dataset),
        options_(options),
        range_(theta_range),
        theta_(dataset.rows->theta(),
               {options.standardise_theta, keeps_constant(), dataset.theta_names, theta_range},
               core::Philox(seed, core::Purpose::split, 1), most_numbers),
        x_(dataset.rows->x(), {options.standardise_x, keeps_constant(), dataset.x_names, {}},
           core::Philox(seed, core::Purpose::split, 2), most_numbers),
        missing_(dataset.shape.x_size()) {
    const int64_t widest =
        std::max<int64_t>({1, dataset.rows->theta().row_size(), dataset.rows->x().row_size()});
    block_rows_ = std::clamp<int64_t>(most_numbers / widest, 1, std::max<int64_t>(1, dataset.rows->rows()));
  }

  /// Reads all rows; among those that are kept, the numbers of `validation` do not train.
  void run(const std::vector<int64_t>& validation) {
    auto next_validation = validation.begin();
    int64_t kept = 0;
    std::vector<int64_t> rows, training;  // of the block
    for (int64_t first = 0; first < dataset_.rows->rows(); first += block_rows_) {
      const int64_t count = std::min(block_rows_, dataset_.rows->rows() - first);
      theta_.read(first, count);
      x_.read(first, count);
      rows.clear();
      training.clear();
      for (int64_t i = 0; i < count; ++i) {
        if (!is_kept(first, i)) continue;
        rows.push_back(i);
        const bool validates = next_validation != validation.end() && *next_validation == kept++;
        if (validates) {
          ++next_validation;
        } else {
          training.push_back(i);
        }
      }
      note_outside(first, rows);
      theta_.take(rows, training);
      x_.take(rows, training);
    }
  }

  const std::vector<int64_t>& bad() const { return bad_; }

  /// Throws what data.nan says of rows that are not finite (pad: that have no element, which are left out).
  void check_rows() const {
    if (bad_.empty()) return;
    if (options_.nan == NanPolicy::pad) {
      if (std::ssize(bad_) < dataset_.rows->rows()) return;
      throw core::UserError(
          dataset_.source +
          ": all elements of x are absent (NaN) in every row; there is nothing to learn from");
    }
    if (options_.nan == NanPolicy::impute) {
      throw core::UserError(dataset_.source + ": " + std::to_string(bad_.size()) + " of " +
                            std::to_string(dataset_.rows->rows()) +
                            " rows hold NaN in theta, or infinite values or values beyond float32's range "
                            "(first: row " +
                            std::to_string(bad_.front()) + ", counted from 0, " + first_name_ +
                            "); data.nan: impute lets x alone be missing, as NaN: correct these rows or take "
                            "them out of the data (data.nan: drop leaves out every row with NaN)");
    }
    if (options_.nan != NanPolicy::drop) {
      throw core::UserError(
          dataset_.source + ": " + std::to_string(bad_.size()) + " of " +
          std::to_string(dataset_.rows->rows()) +
          " rows hold NaN, infinite values or values beyond float32's range (first: row " +
          std::to_string(bad_.front()) + ", counted from 0, " + first_name_ +
          "); correct them, or set data.nan: drop to leave such rows out, or impute to learn from rows in "
          "which values of x are missing (for sets and series of varying size, data.nan: pad treats elements "
          "of NaN as absent)");
    }
    if (std::ssize(bad_) < dataset_.rows->rows()) return;
    throw core::UserError(dataset_.source +
                          ": every row holds NaN or infinite values; nothing is left after data.nan: drop");
  }

  /// Fills standardisers and fingerprint. Throws for values outside the range and for constant columns.
  void finish(Survey& result) const {
    if (!outside_.empty()) throw core::UserError(outside_);
    missing_.require_values(dataset_.source, feature_names(dataset_.x_names, dataset_.shape.x_channels));
    result.missing = missing_;
    result.theta = theta_.finish();
    result.x = x_.finish();
    result.fingerprint = io::crc32_combine(theta_.crc(), x_.crc(), x_.crc_bytes());
  }

 private:
  bool keeps_constant() const { return options_.constant == ConstantColumns::keep; }

  /// Whether row i of the block goes on; notes it as bad where it does not.
  bool is_kept(int64_t first, int64_t i) {
    if (options_.nan == NanPolicy::pad) {
      const auto x = x_.row(i);
      if (!x.empty() && std::all_of(x.begin(), x.end(), [](double value) { return std::isnan(value); })) {
        bad_.push_back(first + i);  // no element: nothing was simulated, or it failed
        return false;
      }
      require_set(first, i);
      return true;
    }
    const bool may_lack = options_.nan == NanPolicy::impute;
    const int64_t in_theta = first_bad(theta_.row(i)),
                  in_x = in_theta >= 0 ? -1 : first_bad(x_.row(i), may_lack);
    if (in_theta < 0 && in_x < 0) {
      if (may_lack) missing_.add(x_.row(i));
      return true;
    }
    if (bad_.empty()) {
      const DataShape& shape = dataset_.shape;
      first_name_ =
          in_theta >= 0
              ? feature_names(dataset_.theta_names, shape.theta_channels)[static_cast<size_t>(in_theta)]
              : feature_names(dataset_.x_names, shape.x_channels)[static_cast<size_t>(in_x)];
    }
    bad_.push_back(first + i);
    return false;
  }

  /// data.nan = pad: x holds sets, whose absent elements are NaN.
  void require_set(int64_t first, int64_t i) const {
    std::string problem = set_problem(x_.row(i), dataset_.shape.x_channels);
    if (first_bad(theta_.row(i)) >= 0) problem = "theta is not finite";
    if (problem.empty()) return;
    throw core::UserError(dataset_.source + ": row " + std::to_string(first + i) +
                          " (counted from 0): " + problem);
  }

  void note_outside(int64_t first, std::span<const int64_t> rows) {
    if (range_.empty() || !outside_.empty()) return;
    const int64_t at = first_outside(range_, theta_.values(), rows);
    if (at < 0) return;
    const auto size = std::ssize(range_.low);
    const auto names = feature_names(dataset_.theta_names, dataset_.shape.theta_channels);
    outside_ = "row " + std::to_string(first + at / size) + " (counted from 0) has " +
               names[static_cast<size_t>(at % size)] + " = " +
               core::number_text(theta_.values()[static_cast<size_t>(at)]) +
               ", outside the prior's support, to which prior.transform: logit confines theta; "
               "correct the prior, leave the row out, or set prior.transform: none";
  }

  const Dataset& dataset_;
  const DataOptions& options_;
  const Range& range_;
  SideSurvey theta_, x_;
  MissingCount missing_;
  int64_t block_rows_ = 1;
  std::vector<int64_t> bad_;  ///< numbers of rows that are not finite
  std::string first_name_;    ///< of the first bad value
  std::string outside_;       ///< the first value outside the range, as a message
};

// One row has no standard deviation, whatever its columns are.
void require_spread(const Dataset& dataset, const DataOptions& options, const Split& split) {
  const bool scales = options.standardise_theta != Standardise::none ||
                      (options.standardise_x != Standardise::none && dataset.shape.x_dim > 0);
  if (split.training.size() > 1 || !scales || options.constant == ConstantColumns::keep) return;
  throw core::UserError(
      dataset.source + ": of " + std::to_string(split.training.size() + std::ssize(split.validation)) +
      " rows one is left to train on beside the validation rows, and one training row tells no "
      "spread by which to standardise: give more rows (hundreds at least)");
}

}  // namespace

Survey survey(const Dataset& dataset, const DataOptions& options, uint64_t seed, const Range& theta_range,
              int64_t most_numbers) {
  const int64_t rows = dataset.rows->rows();
  Survey result;
  result.kept = Complement(rows, {});
  const auto run = [&](int64_t kept) {
    Pass pass(dataset, options, seed, theta_range, most_numbers);
    // Too few rows to split are an error that comes after those of the rows themselves.
    if (kept >= 2) result.split = split_rows(kept, options, seed);
    pass.run(result.split.validation);
    return pass;
  };
  Pass pass = run(rows);
  pass.check_rows();
  const auto bad = pass.bad();
  result.dropped = std::ssize(bad);
  result.split = split_rows(rows - result.dropped, options, seed);
  require_spread(dataset, options, result.split);
  if (bad.empty()) {
    pass.finish(result);
  } else {
    result.kept = Complement(rows, bad);
    run(rows - result.dropped).finish(result);
  }
  return result;
}

}  // namespace fluxsbi::data
