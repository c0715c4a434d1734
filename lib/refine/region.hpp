// The part of the prior that holds all but epsilon of a posterior's mass at one observation.
//
// Truncated sequential neural posterior estimation (Deistler, Goncalves and Macke 2022, arXiv 2210.04815):
// a theta belongs to the region where log q(theta | x) is at least the epsilon-quantile tau of the
// posterior's own draws. The box of the draws, widened, comes first (Miller et al. 2021, arXiv 2107.01214,
// truncate by it alone): outside it no density is computed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/symmetry/symmetry.hpp"
#include "refine/boxed_prior.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::refine {

/// What one posterior says of where theta lies.
struct Bounds {
  Box box;           ///< of 10,000 draws, wider by box_margin of its width at each side
  double least = 0;  ///< tau, natural logarithm
};

/// By how much of the draws' range the box is wider at each side.
inline constexpr double box_margin = 0.1;

/// The options by which log q is computed everywhere in a refinement: few fixed steps, yet enough to tell
/// theta far from the posterior. One function of theta is compared with itself, so its error moves the region
/// and nothing else.
sample::SamplingOptions density_rule(const sample::Posterior& posterior);

/// log q(theta | x) of theta [rows, dim] at the one observation x.
std::vector<double> densities_at(sample::Posterior& posterior, std::span<const double> theta,
                                 std::span<const double> x);

/// From draws of q(theta | x) keyed by `seed`: 10,000 for the box, and 10 / epsilon of these, at least 1,000
/// and at most all, for tau. epsilon in (0, 0.1]; below 1e-4 the lowest of all draws is tau. Throws UserError
/// where most draws lie outside the prior's support.
Bounds find_bounds(sample::Posterior& posterior, std::span<const double> x, double epsilon, uint64_t seed);

/// The place of tau among `draws` densities in ascending order, from 0: as many as leave out the share
/// epsilon of the mass in the mean, and the first where that is none.
int64_t place_of_least(double epsilon, int64_t draws);

/// The smallest box that holds all forms of theta of which one lies in `box`.
Box hull_of_forms(const Box& box, std::span<const data::SignedPermutation> forms);

/// The intersection of what several posteriors say, so that each region lies within those before it.
class Region {
 public:
  /// Everything. x: the observation, in the data's units.
  Region(int64_t dim, std::vector<double> x) : box_(whole_box(dim)), x_(std::move(x)) {}

  void cut(const Box& box) {
    box_.intersect(box);
    whole_ = false;
  }
  /// theta stays where one of its forms (none: theta itself) has this log-density. A region that holds the
  /// forms of its theta leaves the simulator's symmetries to its rows.
  void hold(std::shared_ptr<sample::Posterior> posterior, double least,
            std::vector<data::SignedPermutation> forms = {}) {
    floors_.push_back({std::move(posterior), least, std::move(forms)});
  }

  const Box& box() const { return box_; }
  /// True where nothing was cut.
  bool is_whole() const { return whole_; }
  /// [rows] 1 for each theta [rows, dim] inside; NaN never is.
  std::vector<uint8_t> contains(std::span<const double> theta) const;

 private:
  struct Floor {
    std::shared_ptr<sample::Posterior> posterior;
    double least;
    std::vector<data::SignedPermutation> forms;
  };
  Box box_;
  bool whole_ = true;
  std::vector<double> x_;
  std::vector<Floor> floors_;
};

}  // namespace fluxsbi::refine
