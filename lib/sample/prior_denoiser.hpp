// What the prior alone says about noisy parameters: the denoiser, and with it the score, of a diffused prior.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/prior/prior.hpp"
#include "data/standardise.hpp"

namespace fluxsbi::sample {

/// D(u) = E[z | signal z + noise n = u] of standardised parameters z under a prior of independent components,
/// n ~ N(0, 1). Exact for normal and box priors without a transform. Other components are uniform on each of
/// 256 intervals of equal probability, the outermost of which are halved sixteen times towards their ends:
/// those of the support, or the quantiles 1e-7 and 1 - 1e-7.
class PriorDenoiser {
 public:
  /// Throws UserError for a prior without a density, and for one with groups of dependent parameters.
  PriorDenoiser(const data::Prior& prior, const data::Standardiser& standardiser);

  /// D of component i at u, noise > 0, signal >= 0.
  double denoised(size_t i, double u, double signal, double noise) const;
  /// The range of component i of z, in which D lies whatever u is: the outermost edges, and eight deviations
  /// on both sides of a normal one's mean.
  double low(size_t i) const;
  double high(size_t i) const;
  /// Of component i of z.
  double variance(size_t i) const { return components_[i].variance; }
  size_t size() const { return components_.size(); }

 private:
  struct Component {
    double variance = 1, mean = 0;
    std::vector<double> edges;   ///< of intervals, ascending; empty: normal
    std::vector<double> shares;  ///< their probabilities
  };
  std::vector<Component> components_;
};

}  // namespace fluxsbi::sample
