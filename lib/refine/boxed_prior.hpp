// A prior cut to a box, from which draws come without trying in vain.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "data/prior/prior.hpp"

namespace fluxsbi::refine {

/// An interval for each number of theta, ends included.
struct Box {
  std::vector<double> low, high;  ///< [dim]

  bool holds(std::span<const double> theta) const;
  /// The part of both.
  void intersect(const Box& other);
};

/// The box of all numbers, [dim].
Box whole_box(int64_t dim);

/// The prior restricted to a box in those components that depend on no other: the quantile of a uniform
/// number between the prior's probabilities below the two ends is a draw of such a component. Components of
/// groups (a Dirichlet's fractions, a correlated normal) and of priors that no section can tell are drawn as
/// they are, and may lie outside the box.
class BoxedPrior final : public data::Prior {
 public:
  /// `prior` must outlive this.
  BoxedPrior(const data::Prior& prior, const Box& box);

  /// The prior's probability that every component that was cut lies in the box.
  double share() const { return share_; }

  int64_t dim() const override { return prior_.dim(); }
  void sample(core::Philox& random, std::span<double> theta) const override;
  /// Of the uncut prior.
  double log_prob(std::span<const double> theta) const override { return prior_.log_prob(theta); }
  double quantile(size_t component, double p) const override;
  bool component_in_support(size_t component, double value) const override;
  bool in_support(std::span<const double> theta, std::span<const uint8_t> given) const override;
  bool between_exact_ends(std::span<const double> theta) const override;
  bool bounded() const override { return true; }
  data::PriorOptions options() const override { return prior_.options(); }

 private:
  /// What of a component's own distribution is left: the probabilities below the ends of its interval.
  struct Cut {
    bool active = false;
    double low = 0, high = 0, below_low = 0, below_high = 1;
  };

  const data::Prior& prior_;
  std::vector<Cut> cuts_;  ///< [dim]
  double share_ = 1;
};

}  // namespace fluxsbi::refine
