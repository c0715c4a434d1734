// The posterior given several observations of one theta, composed of the posteriors given each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/prior/prior.hpp"
#include "sample/draw.hpp"
#include "sample/prior_denoiser.hpp"

namespace fluxsbi::sample {

/// p(theta | x_1, ..., x_n) is proportional to p(theta)^(1 - n) prod_j p(theta | x_j) for observations that
/// are independent given theta. On the way from noise to data this holds for the noisy distributions only
/// with the covariances of theta given its noisy state: with those of Gaussians it is GAUSS of Linhart,
/// Cardoso, Gramfort, Le Corff & Rodrigues 2024 (arXiv 2404.07593), eq. 12 and 14. In terms of the
/// denoisers D_j of the posteriors and D_0 of the prior,
///   D = (sum_j P_j + (1 - n) P_0)^-1 (sum_j P_j D_j + (1 - n) P_0 D_0),
///   P_j = S_j^-1 + (signal / noise)^2 1,
/// S_j being the covariance of posterior j and S_0 the prior's, all standardised. Exact for Gaussian
/// posteriors and priors; for others the errors vanish towards the data, where every P is that of the noise.
/// Far from the data the errors of n networks add up; D is held within the prior's range there.
struct TogetherOptions {
  int64_t draws = 0;  ///< of each posterior, by which S_j is estimated; 0: draws_of chooses

  /// 50,000 over all `rows` posteriors of `size` parameters, since their errors average out, but of each
  /// within 200 and 500, and 10 for each parameter at least.
  int64_t draws_of(int64_t rows, int64_t size) const;
};

/// The posterior of many observations is narrow and forms late on the way: for two and more, where `sampling`
/// chooses no solver, midpoint is taken with two thirds of the method's steps, which evaluates a third more
/// often than usual. A multistep solver makes it 6 % too narrow at 1,000 observations, and this one 1 %.
SamplingOptions for_together(SamplingOptions sampling, const method::Method& method, int64_t rows);

/// A source of one row that answers all rows 0, ..., rows - 1 of `source` together, and behind it those of
/// source.beside, which the first has beside it. The sum of the precisions is raised to S_0^-1 where it is
/// less, as observations only add to what the prior knows. Warns where the posteriors of the single
/// observations are far from normal. `source` and `prior` must outlive them.
/// Throws UserError as PriorDenoiser does, and for a posterior of which too few draws could be filled.
std::vector<Source> put_together(const Source& source, const data::Prior& prior, int64_t rows, uint64_t seed,
                                 int64_t chunk, const TogetherOptions& options,
                                 const SamplingOptions& sampling);

}  // namespace fluxsbi::sample
