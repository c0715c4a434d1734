// A step of the ascent towards a mode (mode.hpp), within the support of theta.
//
// Under another prior the ascent climbs q r, r being the ratio of the priors (PriorRatio). For a density with
// noise of level sigma, log q_sigma(z) + |z|^2 / (2 sigma^2) is convex in the state z. So for each step s
//   log q_sigma(z + s) >= log q_sigma(z) + (|t - z|^2 - |t - z - s|^2) / (2 sigma^2),
// where t = z + sigma^2 score is where the mean shift leads. A step that does not lower
//   m(s) = log r(z + s) - |t - z - s|^2 / (2 sigma^2)
// therefore does not lower q_sigma r (a minorisation: Hunter & Lange 2004, Am. Stat. 58, 30). The step is
// Newton's for m with the second derivatives of log r of single components, halved until m is not lower. The
// derivatives are central differences over a fiftieth of sigma to both sides; their error is 1/15000 of
// sigma^2 times the third derivative of log r, which is 0 for the ratio of two normal or box priors.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sample/draw.hpp"
#include "sample/prior_ratio.hpp"

namespace fluxsbi::sample {

class AscentStep {
 public:
  /// ratio: null: theta keeps its prior. Both must outlive it.
  AscentStep(const Source& source, const PriorRatio* ratio) : source_(source), ratio_(ratio) {}

  /// Moves values [n, L C] of the observations rows [n] towards `next` [n, L C], where the mean shift leads
  /// with noise of level `level` of standardised data. A component stops where the support ends; values that
  /// are not finite move nothing.
  void take(std::span<double> values, std::span<const int64_t> rows, std::span<const double> next,
            double level) const;

 private:
  size_t size() const { return static_cast<size_t>(source_.tokens * source_.channels); }
  size_t kept() const { return static_cast<size_t>(source_.kept * source_.channels); }
  /// Numbers of theta that a prior judges; 0 where none does.
  size_t dim() const {
    const data::Prior* prior = ratio_ ? &ratio_->other() : source_.prior;
    return prior ? static_cast<size_t>(prior->dim()) : 0;
  }
  void move(std::span<double> value, std::span<const double> next) const;
  double reach(std::span<const double> row, size_t component, double target) const;
  void move_by_ratio(std::span<double> value, int64_t row, std::span<const double> next, double level) const;
  std::vector<double> newton_step(std::span<const float> here, std::span<const float> there, int64_t row,
                                  double level) const;

  const Source& source_;
  const PriorRatio* ratio_;
};

}  // namespace fluxsbi::sample
