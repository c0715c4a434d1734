// Samples of the posterior that a known likelihood tells, by weighing the network's draws.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/simulate/likelihood.hpp"
#include "experiment/weighing.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// p(theta | x) is proportional to p(x | theta) p(theta). Draws of the network's q(theta | x) get the weight
/// p(x | theta) p(theta) / q(theta | x), whatever the network has learnt: what is chosen by these weights is
/// exact in the limit of many draws, where q covers the posterior.
class Correction final : public Weigher {
 public:
  /// likelihood: a task's name, a YAML file with likelihood.command (data::open_likelihood), or "model": what
  /// a joint model itself knows of p(x | theta). x: [rows, x_size] of the asked rows. sampling: the section
  /// by which densities are computed, with dopri5 to about a hundredth. posterior and x must outlive it.
  /// Throws UserError for a likelihood that does not fit the model or that one draw of the prior finds
  /// failing, a model without a prior's density, and samples whose density is not q: guided ones, and those
  /// of a student.
  Correction(sample::Posterior& posterior, const std::string& likelihood, std::span<const double> x,
             const sample::SamplingOptions& sampling);

  std::vector<double> log_weights(std::span<const double> theta, int64_t row) override;
  std::pair<std::string, std::string> description() const override;
  std::string what() const override { return "corrected by " + name_; }
  std::string remedy() const override { return "train longer or with more simulations"; }

 private:
  void try_likelihood();
  /// log p(x | theta) by the joint model itself.
  std::vector<double> by_model(std::span<const double> theta, std::span<const double> x);

  sample::Posterior& posterior_;
  const data::Prior& prior_;
  std::span<const double> x_;
  sample::SamplingOptions densities_;
  std::unique_ptr<data::Likelihood> likelihood_;  ///< null: the model's own
  std::string name_;
};

/// The prior that weights of `asked` (for messages) take. Throws UserError for a model without one, and for
/// a student, whose draws do not follow the density that is computed, which is its teacher's.
const data::Prior& prior_for_weighing(const sample::Posterior& posterior, const std::string& asked);

/// The options by which draws that are to be weighed are drawn: where `sampling` chooses no solver, dopri5
/// with a tolerance of a thousandth, since their density must be the one that is computed. Throws UserError
/// for a stochastic solver, and for guidance.
sample::SamplingOptions for_weighing(sample::SamplingOptions sampling);

}  // namespace fluxsbi::experiment
