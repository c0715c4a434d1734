// The constants by which densities under another prior integrate to 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "experiment/prior_change.hpp"
#include "sample/draw.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// Which other prior a command asks for.
struct OtherPrior {
  std::string file = {};          ///< with the section `prior`; "": the training prior stays
  int64_t draws = 4000;           ///< of the posterior for each observation, by which it is normalised
  int64_t least_effective = 100;  ///< effective draws below which an observation is given up

  bool asked() const { return !file.empty(); }
};

/// log Z(x) of one observation: Z = E_q[p'(theta) / p(theta)] over draws of the model's density q(theta | x),
/// so that q p' / (p Z) integrates to 1 over the support of p'. Where the weights of other points take the
/// draws' place (PriorChange::other_points), the same Z as E_p'[q / p].
struct Normalisation {
  double log_z = 0;         ///< NaN where the observation is given up
  double error = 0;         ///< of log_z, to first order (sample::WeightQuality)
  double effective = 0;     ///< how many equal draws those that decide are worth
  double pareto_shape = 0;  ///< of their largest weights
  double of_the_draws = 0;  ///< how many the model's draws are worth; another number: others decide
};

class Normaliser {
 public:
  /// x: [rows, x_size] of all observations; densities: the section by which densities are computed. Throws
  /// UserError as PriorChange does, and for fewer draws than shall be effective. posterior and x must outlive
  /// it.
  Normaliser(sample::Posterior& posterior, OtherPrior asked, std::span<const double> x,
             const sample::SamplingOptions& densities, uint64_t seed);

  /// Draws for `count` observations from number `first` on, and what follows from them. Draws of a student
  /// are its teacher's, whose density q is. They follow the equation of the density (accurate_densities)
  /// without guidance, and those outside the training prior's support are kept and have no weight, since q
  /// is not cut there. Where points of the new prior are worth more, samples has these; rows that are given
  /// up have none. Throws core::Interrupted when a signal asked to stop.
  struct Drawn {
    sample::Samples samples;
    std::vector<Normalisation> rows;
  };
  Drawn draw(int64_t first, int64_t count, const sample::Progress& progress = {});
  /// Of all observations, in groups that take bounded memory.
  std::vector<Normalisation> of_all(const sample::Progress& progress = {});
  /// How many observations draw() may take together.
  int64_t group() const;

  /// Says what log Z is, and warns of observations that were given up or rest on few large weights. Returns
  /// how many these are.
  int64_t finish(std::span<const Normalisation> rows) const;
  /// Throws the UserError of observations that were all given up.
  void refuse_where_none(std::span<const Normalisation> rows) const;

  const PriorChange& change() const { return change_; }
  const OtherPrior& asked() const { return asked_; }
  /// "the posterior under the prior of other.yaml"
  std::string target() const { return "the posterior " + change_.what(); }
  /// Lines of what the densities follow from.
  std::vector<std::pair<std::string, std::string>> description() const;

 private:
  Normalisation of_row(std::span<double> theta, std::span<uint8_t> filled, int64_t row);

  sample::Posterior& posterior_;  ///< whose densities are asked for: a student's teacher
  OtherPrior asked_;
  std::span<const double> x_;
  PriorChange change_;
  sample::SamplingOptions sampling_;
  uint64_t seed_;
};

/// Numbers of `rows` one after the other, and back.
std::vector<double> numbers_of(std::span<const Normalisation> rows);
std::vector<Normalisation> normalisations_of(std::span<const double> numbers);
constexpr int64_t numbers_of_normalisation = 5;

}  // namespace fluxsbi::experiment
