#include "data/survey.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/philox.hpp"
#include "core/text.hpp"
#include "data/files/names.hpp"
#include "data/files/sets.hpp"
#include "data/regression_fit.hpp"
#include "data/side_survey.hpp"
#include "io/atomic_file.hpp"

namespace fluxsbi::data {

namespace {

SideSurvey theta_survey(const Dataset& dataset, const DataOptions& options, const SideChoice& choice,
                        uint64_t seed, int64_t most_numbers) {
  return {dataset.rows->theta(),
          feature_names(dataset.theta_names, dataset.shape.theta_channels),
          {"data.transform_theta", "the prior's support, or the ends",
           "correct the prior, leave the row out, or set data.transform_theta: none (prior.transform: none)"},
          choice,
          {options.standardise_theta, options.constant == ConstantColumns::keep, dataset.theta_names},
          core::Philox(seed, core::Purpose::split, 1),
          most_numbers};
}

SideSurvey x_survey(const Dataset& dataset, const DataOptions& options, const SideChoice& choice,
                    uint64_t seed, int64_t most_numbers) {
  return {
      dataset.rows->x(),
      feature_names(dataset.x_names, dataset.shape.x_channels),
      {"data.transform_x", "the ends", "correct the data, leave the row out, or set data.transform_x: none"},
      choice,
      {options.standardise_x, options.constant == ConstantColumns::keep, dataset.x_names},
      core::Philox(seed, core::Purpose::split, 2),
      most_numbers};
}

/// One pass. What is wrong with values is kept until the end, where all rows have been counted.
class Pass {
 public:
  Pass(const Dataset& dataset, const DataOptions& options, uint64_t seed, const Choices& choices,
       int64_t most_numbers)
      : dataset_(dataset),
        options_(options),
        theta_(theta_survey(dataset, options, choices.theta, seed, most_numbers)),
        x_(x_survey(dataset, options, choices.x, seed, most_numbers)),
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
        if (!is_kept(first, i)) {
          theta_.note_missing(i);
          x_.note_missing(i);
          continue;
        }
        rows.push_back(i);
        const bool validates = next_validation != validation.end() && *next_validation == kept++;
        if (validates) {
          ++next_validation;
        } else {
          training.push_back(i);
        }
      }
      theta_.take(rows, training);
      x_.take(rows, training);
    }
  }

  const std::vector<int64_t>& bad() const { return bad_; }
  const SideSurvey& theta() const { return theta_; }
  const SideSurvey& x() const { return x_; }

  /// Throws what data.nan says of rows that are not finite (pad: that have no element, which are left out).
  void check_rows() const {
    if (bad_.empty()) return;
    refuse_empty_columns();
    if (options_.nan == NanPolicy::pad) {
      if (std::ssize(bad_) < dataset_.rows->rows()) return;
      throw core::UserError(
          dataset_.source +
          ": all elements of x are absent (NaN) in every row; there is nothing to learn from");
    }
    if (options_.nan == NanPolicy::impute) {
      throw core::UserError(dataset_.source + ": " + std::to_string(bad_.size()) + " of " +
                            std::to_string(dataset_.rows->rows()) +
                            " rows hold NaN in theta, or infinite values or values " + beyond_largest +
                            " (first: row " + std::to_string(bad_.front()) + ", counted from 0, " +
                            first_name_ +
                            "); data.nan: impute lets x alone be missing, as NaN: correct these rows or take "
                            "them out of the data (data.nan: drop leaves out every row with NaN)");
    }
    if (options_.nan != NanPolicy::drop) {
      throw core::UserError(
          dataset_.source + ": " + std::to_string(bad_.size()) + " of " +
          std::to_string(dataset_.rows->rows()) + " rows hold NaN, infinite values or values " +
          beyond_largest + " (first: row " + std::to_string(bad_.front()) + ", counted from 0, " +
          first_name_ +
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
    theta_.require_inside();
    x_.require_inside();
    missing_.require_values(dataset_.source, x_.features());
    result.missing = missing_;
    result.theta = theta_.finish(result.remarks);
    result.x = x_.finish(result.remarks);
    result.theta_tallies = theta_.tallies();
    result.x_tallies = x_.tallies();
    result.fingerprint = io::crc32_combine(theta_.crc(), x_.crc(), x_.crc_bytes());
  }

 private:
  /// Whatever data.nan says, nothing can be learnt from a column that no row holds. The last elements of a
  /// set may be such columns.
  void refuse_empty_columns() const {
    if (options_.nan == NanPolicy::pad) return;
    std::vector<std::string> empty;
    for (const SideSurvey* side : {&theta_, &x_}) {
      for (size_t i = 0; i < side->tallies().size(); ++i) {
        if (side->tallies()[i].missing() == dataset_.rows->rows()) empty.push_back(side->features()[i]);
      }
    }
    if (empty.empty()) return;
    const bool one = empty.size() == 1;
    throw core::UserError(dataset_.source + ": " + core::list_first(empty, 6) + (one ? " is" : " are") +
                          " missing (NaN, infinite or " + beyond_largest +
                          ") in every row, so nothing can be learnt from " +
                          (one ? "it; leave this column" : "them; leave these columns") +
                          " out (data.ignore does so with columns of text), or set data.nan: pad if x holds "
                          "sets or series of varying length");
  }

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
    if (bad_.empty())
      first_name_ = in_theta >= 0 ? theta_.features()[static_cast<size_t>(in_theta)]
                                  : x_.features()[static_cast<size_t>(in_x)];
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

  const Dataset& dataset_;
  const DataOptions& options_;
  SideSurvey theta_, x_;
  MissingCount missing_;
  int64_t block_rows_ = 1;
  std::vector<int64_t> bad_;  ///< numbers of rows that are not finite
  std::string first_name_;    ///< of the first bad value
};

// One row has no standard deviation, whatever its columns are.
void require_spread(const Dataset& dataset, const DataOptions& options, const Split& split) {
  const bool scales = options.standardise_theta != Standardise::none ||
                      (options.standardise_x != Standardise::none && dataset.shape.x_dim > 0);
  if (split.training.size() > 1 || !scales || options.constant == ConstantColumns::keep) return;
  throw core::UserError(
      dataset.source + ": of " + std::to_string(split.training.size() + std::ssize(split.untrained)) +
      " rows one is left to train on beside the validation rows, and one training row tells no "
      "spread by which to standardise: give more rows (hundreds at least)");
}

/// Takes back what was guessed of a side's features and does not hold for all rows, and says so.
void forget_refuted(const SideSurvey& side, SideChoice& choice) {
  std::vector<std::string> names;
  for (const size_t i : side.refuted()) {
    choice.transforms[i] = {};
    names.push_back(side.features()[i]);
  }
  if (names.empty()) return;
  choice.remarks.push_back(
      side.words().key + " (auto): " + core::list_first(names, 6) +
      ": none after all, because further rows hold values beyond the ends of that transform");
}

/// Takes the choice that was made by all values where it is another kind of transform for some feature.
bool adopt(const SideChoice& of_all, SideChoice& choice) {
  const auto kinds = [](const SideChoice& side, size_t i) {
    return side.transforms.empty() ? std::pair{TransformKind::none, false}
                                   : std::pair{side.transforms[i].kind, side.robust[i] != 0};
  };
  const size_t size = std::max(of_all.transforms.size(), choice.transforms.size());
  bool differs = false;
  for (size_t i = 0; i < size; ++i) differs = differs || kinds(of_all, i) != kinds(choice, i);
  if (differs) choice = of_all;
  return differs;
}

/// Puts the choice that all values speak for in place of one by a sample. Where nothing was tallied, it takes
/// back what does not hold for all values.
bool reconsider(const SideSurvey& side, const SideChoice& of_all, SideChoice& choice) {
  if (adopt(of_all, choice)) return true;
  if (side.refuted().empty()) return false;
  forget_refuted(side, choice);
  return true;
}

void add_regression(const Dataset& dataset, RegressionKind kind, Survey& survey) {
  const std::vector<int64_t> training = survey.training_rows();
  const int64_t values = dataset.rows->x().row_size();
  if (kind == RegressionKind::automatic &&
      (std::ssize(training) < least_regression_rows || values < 1 || values > most_regression_values)) {
    survey.remarks.push_back(
        "data.regression: auto: none, because it needs " + std::to_string(least_regression_rows) +
        " training rows or more (here " + std::to_string(training.size()) + ") and 1 to " +
        std::to_string(most_regression_values) + " values of x (here " + std::to_string(values) + ")");
    return;
  }
  FittedRegression fitted = fit_regression(*dataset.rows, training, survey.theta, survey.x);
  const std::string harm = harm_of(fitted);
  if (kind == RegressionKind::automatic && !harm.empty()) {
    survey.remarks.push_back("data.regression: auto: none, because " + harm +
                             "; the networks learn theta itself");
    return;
  }
  survey.remarks.push_back(
      remark_of(fitted, feature_names(dataset.theta_names, dataset.shape.theta_channels)));
  if (!harm.empty()) {
    survey.remarks.push_back("data.regression: linear may do more harm than good here: " + harm +
                             "; set data.regression: none, or auto, which leaves it out");
  }
  survey.regression = survey.regression_of_training = std::move(fitted.regression);
  survey.regression_of_training.scale = std::move(fitted.own_scale);
}

}  // namespace

std::vector<int64_t> Survey::training_rows() const {
  std::vector<int64_t> rows(static_cast<size_t>(split.training.size()));
  for (size_t k = 0; k < rows.size(); ++k) rows[k] = kept[split.training[static_cast<int64_t>(k)]];
  return rows;
}

Survey survey(const Dataset& dataset, const DataOptions& options, uint64_t seed, const ThetaEnds& theta_ends,
              int64_t most_numbers, const Fold& fold) {
  const int64_t rows = dataset.rows->rows();
  Survey result;
  result.kept = Complement(rows, {});
  const TransformChooser chooser(dataset, options, theta_ends);
  Choices choices = chooser.choose();
  const auto run_once = [&](int64_t kept) {
    Pass pass(dataset, options, seed, choices, most_numbers);
    // Too few rows to split are an error that comes after those of the rows themselves.
    if (kept >= (fold.count > 1 ? fold.count + 2 : 2)) result.split = split_rows(kept, options, seed, fold);
    pass.run(result.split.untrained);
    return pass;
  };
  Pass pass = run_once(rows);
  pass.check_rows();
  const auto bad = pass.bad();
  result.dropped = std::ssize(bad);
  result.split = split_rows(rows - result.dropped, options, seed, fold);
  require_spread(dataset, options, result.split);
  const Choices of_all = chooser.choose(pass.theta().tallies(), pass.x().tallies());
  const bool theta_changes = reconsider(pass.theta(), of_all.theta, choices.theta),
             x_changes = reconsider(pass.x(), of_all.x, choices.x);
  if (bad.empty() && !theta_changes && !x_changes) {
    pass.finish(result);
  } else {
    result.kept = Complement(rows, bad);
    run_once(rows - result.dropped).finish(result);
  }
  if (options.regression != RegressionKind::none) add_regression(dataset, options.regression, result);
  return result;
}

}  // namespace fluxsbi::data
