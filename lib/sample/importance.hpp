// Importance weights: draws of one distribution stand for another.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/philox.hpp"

namespace fluxsbi::sample {

/// What weighted draws are worth. A weight is known up to a factor that all of them share.
struct WeightQuality {
  /// (sum w)^2 / sum w^2: as many draws of equal weight say as much (Kish 1965, "Survey sampling").
  double effective = 0;
  /// Shape k of a generalised Pareto distribution of the largest weights, min(n / 5, 3 sqrt(n)) of them.
  /// Above 0.7 the mean of the weights converges too slowly to be trusted (Vehtari, Simpson, Gelman, Yao &
  /// Gabry 2024, JMLR 25, 72); its estimate is that of Zhang & Stephens 2009, Technometrics 51, 316, drawn to
  /// 0.5 as there. 0 where the largest weights are equal, infinity where too few are positive to tell.
  double pareto_shape = 0;
  /// Natural logarithm of the weights' mean, -infinity where none is positive.
  double log_mean = 0;
  /// Its standard error, to first order: sqrt(1 / effective - 1 / n).
  double log_mean_error = 0;
};

/// Of draws with these logarithms of their weights; -infinity is weight 0. At least one, none NaN.
WeightQuality judge_weights(std::span<const double> log_weights);

/// Numbers of `count` draws, in ascending order, each of which occurs in proportion to its weight, to the
/// next whole number (systematic resampling: Kitagawa 1996, J. Comp. Graph. Stat. 5, 1). One weight at least
/// is positive.
std::vector<size_t> resample(std::span<const double> log_weights, size_t count, core::Philox& random);

struct Chain {
  std::vector<size_t> states;  ///< the number of the draw at which the chain stands after each proposal
  double acceptance = 0;       ///< share of the proposals that it took
};

/// An independence Metropolis chain (Hastings 1970, Biometrika 57, 97; Tierney 1994, Ann. Stat. 22, 1701)
/// whose proposals are the draws in their order: proposal i is taken with probability min(1, w_i / w), w
/// being the weight where the chain stands. It begins at a draw that is chosen by its weight. One weight at
/// least is positive.
Chain metropolis(std::span<const double> log_weights, core::Philox& random);

}  // namespace fluxsbi::sample
