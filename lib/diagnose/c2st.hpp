// The classifier two-sample test: can a network tell posterior samples from reference samples?
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "diagnose/samples.hpp"

namespace fluxsbi::diagnose {

struct C2stOptions {
  uint64_t seed = 1;         ///< of folds, initial weights and batches; 0..2^32-1, as numpy's random_state
  int64_t folds = 5;         ///< >= 2
  int64_t hidden = 0;        ///< units of each hidden layer; 0: 10 times the dimension
  int64_t max_rows = 10000;  ///< the first rows of each set that are used; 0: all
  int threads = 0;           ///< 0: core::usable_threads(). The result does not depend on it
  /// Called after each fold, from one thread at a time, with how many are done.
  std::function<void(int64_t done, int64_t folds)> on_fold;
};

struct C2stResult {
  double mean = 0;  ///< mean accuracy over the folds: 0.5 where the classifier sees no difference, up to 1
  double std_error = 0;            ///< standard deviation of the folds' accuracies / sqrt(folds)
  std::vector<double> accuracies;  ///< of each fold
  std::vector<int64_t> epochs;     ///< that each fold's network trained for
  int64_t rows = 0;                ///< used of each set
  int64_t dimensions = 0;
  bool cut_to_smaller =
      false;               ///< the sets had different numbers of rows; the first `rows` of both were used
  int64_t duplicates = 0;  ///< used rows of `samples` that repeat another one; they bias the score
  int64_t unfilled = 0;    ///< draws of both files that were left out (SampleSet::unfilled)
  bool converged = true;   ///< no network stopped at the limit of 10000 epochs
  double seconds = 0;
};

/// Mean cross-validated accuracy of a classifier between `reference` (label 0) and `samples` (label 1), as
/// the SBI benchmark scores posteriors (Lueckmann et al. 2021, "Benchmarking simulation-based inference"; the
/// test: Lopez-Paz & Oquab 2017): both sets are z-scored by the mean and standard deviation (n - 1) of
/// `reference`; KFold shuffled, not stratified; the network of classifier.hpp. Folds, weights and batches are
/// those of scikit-learn with random_state = seed; the score still differs by about 0.005 between machines,
/// because training amplifies differences in the last bit of its sums.
///
/// The result is deterministic for a seed and a processor type, with any number of threads. Throws UserError
/// for sets of different dimension, rows that hold NaN or infinity (their number), a constant column of the
/// reference, or fewer than 2 * folds rows.
C2stResult c2st(const SampleSet& reference, const SampleSet& samples, const C2stOptions& options = {});

/// The fold of each row: KFold(folds, shuffle=True, random_state=seed).split(range(rows)) of scikit-learn.
/// Folds are as equal as they can be, the first rows % folds ones larger by one.
std::vector<int32_t> assign_folds(int64_t rows, int64_t folds, uint32_t seed);

}  // namespace fluxsbi::diagnose
