// Samples under another prior than the one that theta of the training rows was drawn from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/prior/prior.hpp"
#include "sample/importance.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

struct PriorChangeOptions {
  std::string file;               ///< with a section `prior`; empty: the prior stays
  int64_t pool = 4;               ///< draws of the training prior's posterior for each one that is kept
  int64_t least_effective = 100;  ///< effective draws below which a row is given up
};

/// Posteriors p'(theta | x), which are proportional to p(theta | x) p'(theta) / p(theta): the likelihood is
/// the same. Draws of p(theta | x) get the weight p'(theta) / p(theta), which the two sections `prior` tell
/// exactly.
class PriorChange {
 public:
  /// Throws UserError for a file without a section `prior` or with others, for a model whose section `prior`
  /// tells no density, and for a prior whose support leaves the training prior's: nothing was learnt there.
  /// Warns where a small share of it does. posterior must outlive it.
  PriorChange(const sample::Posterior& posterior, PriorChangeOptions options);

  /// log p'(theta) - log p(theta), theta [theta_dim * channels] in the data's units; -infinity outside p'
  /// or p, and where one of them is infinite.
  double log_ratio(std::span<const double> theta) const;

  /// `draws` samples for each row of `pool`, which holds pool * draws of them. Rows are numbered on from the
  /// last call, the first is `first_row` of the file; `seed` and a row's number choose among its draws. A row
  /// of fewer than least_effective effective draws is left unfilled.
  sample::SampleBlock choose(const sample::SampleBlock& pool, int64_t draws, uint64_t seed,
                             int64_t first_row);
  int64_t pool_of(int64_t draws) const { return options_.pool * draws; }

  /// Says how much the draws are worth, and warns of rows that were given up or rest on few large weights.
  /// Returns how many these are.
  int64_t finish() const;

  /// Throws the UserError of a file whose rows were all given up.
  [[noreturn]] void refuse(const std::string& output) const;
  /// Draws of the pool that lay inside the training prior's support.
  int64_t weighed() const { return weighed_; }

  /// The section `prior` of the samples, in YAML.
  const std::string& text() const { return text_; }
  const PriorChangeOptions& options() const { return options_; }

  /// Where it stands between two blocks, for restore() of another; JSON.
  std::string state() const;
  void restore(const std::string& state);

 private:
  // Rows of one kind of trouble: the first ones, and how many there are.
  struct Rows {
    int64_t count = 0;
    std::vector<std::string> first;

    void add(int64_t row, double value);
    std::string text() const;
  };

  void count(int64_t row, const sample::WeightQuality& quality);
  bool enough(const sample::WeightQuality& quality) const;
  const data::Prior& training_prior() const { return *posterior_.prior(); }

  const sample::Posterior& posterior_;
  PriorChangeOptions options_;
  std::unique_ptr<data::Prior> prior_;
  std::string text_;
  int64_t rows_ = 0, weighed_ = 0;
  double sum_ = 0, least_ = 0;  ///< of the rows' effective draws
  Rows few_, heavy_;            ///< rows that were given up, and rows of large weights
};

}  // namespace fluxsbi::experiment
