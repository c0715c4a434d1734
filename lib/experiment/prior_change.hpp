// Samples, densities and modes under another prior than the one that theta of the training rows was drawn
// from.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/prior/prior.hpp"
#include "experiment/weighing.hpp"
#include "sample/posterior.hpp"
#include "sample/prior_ratio.hpp"

namespace fluxsbi::experiment {

/// The prior that the model was trained under. Throws UserError, which begins with `asked` ("--prior
/// other.yaml"), where the model does not know it or knows no density of it: draws cannot be weighed then.
const data::Prior& training_prior_of(const sample::Posterior& posterior, const std::string& asked);

/// Posteriors p'(theta | x), which are proportional to p(theta | x) p'(theta) / p(theta): the likelihood is
/// the same. Draws of p(theta | x) get the weight p'(theta) / p(theta), which the two sections `prior` tell
/// exactly. Where p' is so narrow that few of them lie in it, draws of p' get the weight p(theta | x) /
/// p(theta) in their place, by the model's density.
class PriorChange final : public Weigher {
 public:
  /// file: with the section `prior`. Throws UserError for a file without it or with others, for a model whose
  /// section `prior` tells no density, and for a prior whose support leaves the training prior's: nothing was
  /// learnt there. Warns where a small share of it does. x: [rows, x_size] of the asked rows; empty where
  /// draws have no density that is known, so that p' is not drawn from. sampling: the section by which
  /// densities are computed (accurate_densities). posterior and x must outlive it.
  PriorChange(sample::Posterior& posterior, std::string file, std::span<const double> x,
              const sample::SamplingOptions& sampling);

  /// p' beside p.
  const sample::PriorRatio& ratio() const { return *ratio_; }
  /// The section `prior` of p', in YAML.
  const std::string& text() const { return text_; }

  /// log p' - log p, to the last term.
  std::vector<double> log_weights(std::span<const double> theta, int64_t row) override;
  /// The mean of their weights p(theta | x) / p(theta) is, but for chance, that of the draws' weights.
  /// None where most of the posterior under p' lies where p(theta | x) has less than about a hundredth of its
  /// mass: a network knows nothing of its density there.
  WeightedPoints other_points(int64_t row, int64_t count, std::span<const double> draws,
                              core::Philox& random) override;
  std::string other_points_text() const override { return "draws of the prior of " + file_; }
  std::pair<std::string, std::string> description() const override { return {"prior of the samples", text_}; }
  std::string what() const override { return "under the prior of " + file_; }
  std::string remedy() const override { return "train with a prior nearer to it"; }

 private:
  std::vector<double> log_density(std::span<const double> theta, int64_t row);

  sample::Posterior& posterior_;
  const data::Prior& training_;
  std::span<const double> x_;
  sample::SamplingOptions densities_;
  std::string file_;
  std::unique_ptr<data::Prior> prior_;
  std::optional<sample::PriorRatio> ratio_;
  std::string text_;
};

}  // namespace fluxsbi::experiment
