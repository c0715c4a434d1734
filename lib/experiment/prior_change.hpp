// Samples under another prior than the one that theta of the training rows was drawn from.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/prior/prior.hpp"
#include "experiment/weighing.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// The prior that the model was trained under. Throws UserError, which begins with `asked` ("--prior
/// other.yaml"), where the model does not know it or knows no density of it: draws cannot be weighed then.
const data::Prior& training_prior_of(const sample::Posterior& posterior, const std::string& asked);

/// Posteriors p'(theta | x), which are proportional to p(theta | x) p'(theta) / p(theta): the likelihood is
/// the same. Draws of p(theta | x) get the weight p'(theta) / p(theta), which the two sections `prior` tell
/// exactly.
class PriorChange final : public Weigher {
 public:
  /// file: with the section `prior`. Throws UserError for a file without it or with others, for a model whose
  /// section `prior` tells no density, and for a prior whose support leaves the training prior's: nothing was
  /// learnt there. Warns where a small share of it does. posterior must outlive it.
  PriorChange(const sample::Posterior& posterior, std::string file);

  /// log p'(theta) - log p(theta), theta [theta_dim * channels] in the data's units; -infinity outside p'
  /// or p, and where one of them is infinite.
  double log_ratio(std::span<const double> theta) const;

  std::vector<double> log_weights(std::span<const double> theta, int64_t row) override;
  std::pair<std::string, std::string> description() const override { return {"prior of the samples", text_}; }
  std::string what() const override { return "under the prior of " + file_; }
  std::string remedy() const override { return "train with a prior nearer to it"; }

 private:
  const data::Prior& training_;
  std::string file_;
  std::unique_ptr<data::Prior> prior_;
  std::string text_;  ///< the section `prior` of the samples, in YAML
};

}  // namespace fluxsbi::experiment
