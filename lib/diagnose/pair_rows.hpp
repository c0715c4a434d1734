// What a classifier sees of true values and of draws.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "diagnose/evidence.hpp"

namespace fluxsbi::diagnose {

struct PairRowOptions {
  bool with_x = true;  ///< else of theta alone
  /// Adds where theta lies within the posterior that its x has: z = (theta - mean) / sd of the pair's other
  /// draws, without their correlations, and the products of z, which show a shift or a width at once. One
  /// function of (theta, x), so that the best classifier is the same one; a network finds it from fewer
  /// pairs. Left out where fewer than 20 other draws are there.
  bool within_posterior = true;
  /// True values are moved down by so many posterior standard deviations in every variable, as if the
  /// posterior lay too high.
  double shift = 0;
  int64_t most_pairs = 5000;
  uint64_t seed = 1;  ///< of the projection of a long x
};

/// Rows of float32 features, standardised by the means and standard deviations of the unshifted true values
/// and one draw a pair, within +-8; NaN becomes 0. An x of more than 64 numbers is standardised and projected
/// on 32 random directions.
struct PairRows {
  size_t features = 0;
  std::vector<float> truth;  ///< [pairs, features]
  std::vector<std::vector<float>>
      draws;  ///< of each pair [1 to 50, features], the filled ones of its first quarter
  std::vector<std::vector<float>> observed;  ///< of each observation [draws, features], at most 1000
  int64_t pairs() const { return std::ssize(draws); }
};
/// Of the pairs that have draws. Throws as check_samples does.
PairRows make_pair_rows(const Evidence& evidence, const PairRowOptions& options, std::string_view test);

/// Rows of one row of truth (label 1) and the first draw (label 0) of each of the pairs. `swapped` [pairs]:
/// pairs whose labels are exchanged; empty: none.
struct LabelledRows {
  std::vector<float> rows;
  std::vector<uint8_t> labels;
};
LabelledRows labelled(const PairRows& pairs, std::span<const int64_t> chosen,
                      std::span<const uint8_t> swapped = {});

/// What a classifier that has learned on every other pair says of the others: the mean rank of theta* among
/// the draws by its probability of being theta*, which is 1/2 where it cannot tell them apart, and 1 where it
/// always can.
struct LearnedRank {
  double mean = 0.5;
  int64_t pairs = 0;         ///< that were ranked
  std::vector<double> pits;  ///< [pairs] their ranks as numbers in [0, 1]
  double p_value = 1;  ///< of a mean as high: ranks of exchangeable values are uniform, with variance 1 / 12
};
LearnedRank learned_rank(const PairRows& pairs, uint64_t seed);

/// Units of the hidden layers for rows of so many features.
int64_t hidden_units(size_t features);

}  // namespace fluxsbi::diagnose
