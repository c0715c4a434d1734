// Another prior than the one that a model was trained under: the likelihood is the same, so that a posterior
// p(theta | x) becomes one in proportion to p(theta | x) p'(theta) / p(theta).
#pragma once

#include <span>

#include "data/prior/prior.hpp"

namespace fluxsbi::sample {

class PriorRatio {
 public:
  /// p and p', of as many components, both of which have a density and must outlive it.
  PriorRatio(const data::Prior& training, const data::Prior& other) : training_(training), other_(other) {}

  /// log p'(theta) - log p(theta), theta [dim] in the data's units. -infinity outside p' or p, where nothing
  /// was learnt, and at an end of the support where one of them is infinite or p is 0: such an end has no
  /// probability.
  double log_ratio(std::span<const double> theta) const;

  const data::Prior& training() const { return training_; }
  const data::Prior& other() const { return other_; }

 private:
  const data::Prior& training_;
  const data::Prior& other_;
};

}  // namespace fluxsbi::sample
