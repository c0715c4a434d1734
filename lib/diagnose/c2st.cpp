#include "diagnose/c2st.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <span>
#include <string>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/system.hpp"
#include "diagnose/classifier.hpp"
#include "diagnose/numpy_random.hpp"

namespace fluxsbi::diagnose {

namespace {

constexpr int64_t hidden_per_dimension = 10;

std::string column_text(const SampleSet& set, int64_t column) {
  const std::string number = std::to_string(column);
  if (static_cast<int64_t>(set.columns.size()) != set.dimensions) return number;
  return number + " (" + set.columns[column] + ")";
}

void check_finite(const SampleSet& set, int64_t rows) {
  int64_t bad = 0, first = -1;
  for (int64_t i = 0; i < rows; ++i) {
    const auto begin = set.values.begin() + i * set.dimensions;
    if (std::all_of(begin, begin + set.dimensions, [](double v) { return std::isfinite(v); })) continue;
    if (bad++ == 0) first = i;
  }
  if (bad > 0)
    throw core::UserError(set.name + ": " + std::to_string(bad) + " of " + std::to_string(rows) +
                          " rows hold NaN or infinity (first: row " + std::to_string(first) +
                          "); remove them, or draw the samples again");
}

void check(const SampleSet& reference, const SampleSet& samples, int64_t rows, const C2stOptions& options) {
  if (reference.dimensions != samples.dimensions)
    throw core::UserError(reference.name + " has " + std::to_string(reference.dimensions) + " columns and " +
                          samples.name + " has " + std::to_string(samples.dimensions) +
                          "; compare samples of the same parameters");
  if (options.folds < 2)
    throw core::UserError("c2st: folds = " + std::to_string(options.folds) + " is too few; use 2 or more");
  if (options.hidden < 0 || options.max_rows < 0)
    throw core::UserError("c2st: hidden and max_rows must not be negative; 0 takes the default");
  if (options.seed > UINT32_MAX)
    throw core::UserError("c2st: seed = " + std::to_string(options.seed) +
                          " is too large; use 0..4294967295");
  if (rows < 2 * options.folds)
    throw core::UserError("c2st: " + (reference.rows <= samples.rows ? reference : samples).name + " gives " +
                          std::to_string(rows) + " rows; " + std::to_string(options.folds) +
                          " folds need at least " + std::to_string(2 * options.folds));
  check_finite(reference, rows);
  check_finite(samples, rows);
}

bool is_single(const SampleSet& set) {
  return std::all_of(set.values.begin(), set.values.end(),
                     [](double v) { return static_cast<float>(v) == v; });
}

// Both sets below each other, [2 rows, d], z-scored by the reference. Numbers of float32 are rounded where
// the benchmark's script does so: mean and deviation are summed in double and rounded, the rest is float32.
// Others are rounded once they are z-scored, so that a large offset takes none of their digits.
std::vector<float> standardise(const SampleSet& reference, const SampleSet& samples, int64_t rows) {
  const int64_t d = reference.dimensions;
  const bool single = is_single(reference) && is_single(samples);
  const double rounding = single ? 1e-7 : 1e-14, least = single ? 1e-30 : 0;
  std::vector<float> data(static_cast<size_t>(2 * rows * d));
  for (int64_t column = 0; column < d; ++column) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; ++i) sum += reference.values[i * d + column];
    const double mean = sum / static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i) {
      const double difference = reference.values[i * d + column] - mean;
      squares += difference * difference;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(rows - 1));
    // A constant column gets a deviation of rounding errors alone.
    if (deviation <= rounding * std::abs(mean) || deviation < least)
      throw core::UserError(reference.name + ": column " + column_text(reference, column) +
                            " is constant, so that it cannot be scaled; leave this column out of both files");
    const auto z_score = [&](double value) {
      if (!single) return static_cast<float>((value - mean) / deviation);
      return (static_cast<float>(value) - static_cast<float>(mean)) / static_cast<float>(deviation);
    };
    for (int64_t i = 0; i < rows; ++i) {
      data[i * d + column] = z_score(reference.values[i * d + column]);
      data[(rows + i) * d + column] = z_score(samples.values[i * d + column]);
    }
  }
  return data;
}

int64_t count_duplicates(const SampleSet& set, int64_t rows) {
  const auto row = [&](int64_t i) {
    return std::span(set.values)
        .subspan(static_cast<size_t>(i * set.dimensions), static_cast<size_t>(set.dimensions));
  };
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return std::lexicographical_compare(row(a).begin(), row(a).end(), row(b).begin(), row(b).end());
  });
  int64_t count = 0;
  for (size_t i = 1; i < order.size(); ++i) count += std::ranges::equal(row(order[i - 1]), row(order[i]));
  return count;
}

struct Fold {
  double accuracy = 0;
  int64_t epochs = 0;
};

// Trains on all rows but the fold's and scores on the fold's. The first half of `data` has label 0.
Fold run_fold(std::span<const float> data, int64_t dimensions, std::span<const int32_t> folds, int32_t fold,
              const ClassifierOptions& options) {
  std::vector<float> train, test;
  std::vector<uint8_t> train_labels, test_labels;
  for (size_t i = 0; i < folds.size(); ++i) {
    const auto row = data.subspan(i * static_cast<size_t>(dimensions), static_cast<size_t>(dimensions));
    std::vector<float>& rows = folds[i] == fold ? test : train;
    rows.insert(rows.end(), row.begin(), row.end());
    (folds[i] == fold ? test_labels : train_labels).push_back(i >= folds.size() / 2);
  }
  Classifier classifier(dimensions, options);
  const std::vector<double> losses = classifier.fit(train, train_labels);
  const std::vector<uint8_t> predicted = classifier.predict(test);
  int64_t right = 0;
  for (size_t i = 0; i < predicted.size(); ++i) right += predicted[i] == test_labels[i];
  return {static_cast<double>(right) / static_cast<double>(predicted.size()),
          static_cast<int64_t>(losses.size())};
}

void summarise(C2stResult& result, const std::vector<Fold>& folds, int64_t max_epochs) {
  const auto count = static_cast<double>(folds.size());
  for (const Fold& fold : folds) {
    result.accuracies.push_back(fold.accuracy);
    result.epochs.push_back(fold.epochs);
    result.mean += fold.accuracy / count;
    result.converged &= fold.epochs < max_epochs;
  }
  double squares = 0;
  for (const Fold& fold : folds) squares += (fold.accuracy - result.mean) * (fold.accuracy - result.mean);
  result.std_error = std::sqrt(squares / (count - 1) / count);
}

}  // namespace

std::vector<int32_t> assign_folds(int64_t rows, int64_t folds, uint32_t seed) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  NumpyRandom(seed).shuffle(order);
  std::vector<int32_t> fold_of(static_cast<size_t>(rows));
  size_t position = 0;
  for (int64_t fold = 0; fold < folds; ++fold) {
    const int64_t size = rows / folds + (fold < rows % folds);
    for (int64_t i = 0; i < size; ++i) fold_of[order[position++]] = static_cast<int32_t>(fold);
  }
  return fold_of;
}

C2stResult c2st(const SampleSet& reference, const SampleSet& samples, const C2stOptions& options) {
  const double start = core::steady_seconds();
  const int64_t limit = options.max_rows > 0 ? options.max_rows : INT64_MAX;
  const int64_t rows = std::min({reference.rows, samples.rows, limit});
  check(reference, samples, rows, options);
  const std::vector<float> data = standardise(reference, samples, rows);
  const std::vector<int32_t> fold_of =
      assign_folds(2 * rows, options.folds, static_cast<uint32_t>(options.seed));

  C2stResult result;
  result.rows = rows;
  result.dimensions = reference.dimensions;
  result.cut_to_smaller = std::min(reference.rows, limit) != std::min(samples.rows, limit);
  result.duplicates = count_duplicates(samples, rows);
  result.unfilled = reference.unfilled + samples.unfilled;

  ClassifierOptions network;
  network.hidden = options.hidden > 0 ? options.hidden : hidden_per_dimension * reference.dimensions;
  network.seed = static_cast<uint32_t>(options.seed);
  std::vector<Fold> folds(static_cast<size_t>(options.folds));
  std::mutex mutex;
  int64_t done = 0;
  core::for_each_in_parallel(options.folds, options.threads, [&](int64_t fold) {
    folds[fold] = run_fold(data, reference.dimensions, fold_of, static_cast<int32_t>(fold), network);
    const std::lock_guard lock(mutex);
    ++done;
    if (options.on_fold) options.on_fold(done, options.folds);
  });
  summarise(result, folds, network.max_epochs);
  result.seconds = core::steady_seconds() - start;
  return result;
}

}  // namespace fluxsbi::diagnose
