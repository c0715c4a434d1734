// Draws from a posterior whose prior is standard normal and whose likelihood is costly and of any shape.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/philox.hpp"
#include "data/tasks/student_mixture.hpp"
#include "data/tasks/task.hpp"

namespace fluxsbi::data {

/// Draws from the density proportional to N(z; 0, I) L(z) by rejection from a mixture of Student's t
/// distributions.
///
/// The mixture is fitted in stages by importance sampling, from the prior to N(z; 0, I) L(z)^t with a t that
/// grows to 1 as fast as a quarter of the points remain effective; it begins with 8,000 draws of the prior,
/// so that separate modes are found. The bound of the rejection is 1.5 times the largest ratio of density and
/// mixture at 10,000 points. Draws where the ratio is larger come too seldom by that factor.
class FittedDensity {
 public:
  /// log L at z [dim], plus any constant; -infinity where it is 0.
  using LogLikelihood = std::function<double(std::span<const double>)>;

  /// Evaluates the likelihood some 30,000 times. Throws UserError that begins with `subject`: where L is 0 at
  /// all draws of the prior, and where less than 5 % of the mixture's points are effective.
  FittedDensity(LogLikelihood log_likelihood, size_t dim, const std::string& subject);

  /// One draw, z [dim]. Throws UserError after max_posterior_tries rejected tries.
  void sample(core::Philox& random, std::span<double> z) const;
  /// Effective share of the mixture's points, (sum w)^2 / (n sum w^2), 0.05 to 1.
  double efficiency() const { return efficiency_; }

 private:
  struct Stage;
  Stage drawn(size_t count, core::Philox& random) const;
  /// log of the density over the mixture's, up to the density's factor.
  double log_ratio(std::span<const double> z) const;

  LogLikelihood log_likelihood_;
  std::string subject_;
  StudentMixture proposal_;
  double log_bound_ = 0, efficiency_ = 0;
};

/// Exact draws from the posterior of a task whose prior is lognormal, z = (log theta - mean) / scale, with
/// the accuracy of FittedDensity. Throws its errors.
PosteriorDraw fitted_posterior(const Task& task, std::span<const double> x);

}  // namespace fluxsbi::data
