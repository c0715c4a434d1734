// Samples of another distribution than was drawn from: draws are weighed and chosen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sample/draw.hpp"
#include "sample/importance.hpp"
#include "sample/options.hpp"

namespace fluxsbi::experiment {

struct WeighingOptions {
  int64_t pool = 4;               ///< draws for each one that is kept
  int64_t least_effective = 100;  ///< effective draws below which a row is given up
  bool chain = false;             ///< an independence Metropolis chain chooses, in place of resampling
};

/// The options by which densities that weigh are computed: dopri5 with a tolerance of a thousandth, by which
/// log-densities are exact to about a hundredth.
sample::SamplingOptions accurate_densities(sample::SamplingOptions sampling);

/// The shape of the largest weights (importance.hpp) above which the mean of all cannot be trusted.
constexpr double trusted_shape = 0.7;

/// Rows of one kind of trouble, for messages: the first ones, and how many there are.
struct NamedRows {
  int64_t count = 0;
  std::vector<std::string> first;

  void add(int64_t row, double value);
  std::string text() const;  ///< "row 3 (12.5), row 4 (7)"
};

/// Points theta [n, theta_size] with the logarithms of their weights [n].
struct WeightedPoints {
  std::vector<double> theta, log_weights;
};

/// What the weights of draws follow from.
class Weigher {
 public:
  virtual ~Weigher() = default;
  /// Logarithms of the weights of theta [n, theta_size], draws given row `row` (from 0) of the asked ones, up
  /// to a term of the row; -infinity is weight 0.
  virtual std::vector<double> log_weights(std::span<const double> theta, int64_t row) = 0;
  /// Points from elsewhere for a row whose draws `draws` [n, theta_size] are worth too little: `count` of
  /// them, or none where nothing better is known. `row` as above; `random` is the row's own.
  virtual WeightedPoints other_points(int64_t /*row*/, int64_t /*count*/, std::span<const double> /*draws*/,
                                      core::Philox& /*random*/) {
    return {};
  }
  /// What other_points() are: "draws of the prior of other.yaml"; for messages.
  virtual std::string other_points_text() const { return ""; }
  /// A line of what the weights follow from, for kept work (WorkDescription).
  virtual std::pair<std::string, std::string> description() const = 0;
  /// "under the prior of other.yaml", "corrected by task slcp"; for messages.
  virtual std::string what() const = 0;
  /// What helps beside more draws: "train with a prior nearer to it".
  virtual std::string remedy() const = 0;
};

/// Chooses samples of each row among a pool of its draws by their weights.
class WeightedChoice {
 public:
  /// weigher must outlive it.
  WeightedChoice(Weigher& weigher, WeighingOptions options) : weigher_(weigher), options_(options) {}

  /// `draws` samples for each row of `pool`, which holds pool * draws of them. Rows are numbered on from the
  /// last call, the first is `first_row` of the file; `seed` and a row's number choose among its draws. Where
  /// fewer than least_effective of them are effective, the weigher's other points take their place if they
  /// are worth more; a row of too few even so is left unfilled.
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

  const Weigher& weigher() const { return weigher_; }
  const WeighingOptions& options() const { return options_; }

  /// Where it stands between two blocks, for restore() of another; JSON.
  std::string state() const;
  void restore(const std::string& state);

 private:
  /// The points that a row is chosen from.
  struct Candidates {
    std::span<const double> theta;    ///< [n, theta_size]
    std::vector<double> log_weights;  ///< [n]
    sample::WeightQuality quality;
    WeightedPoints others;  ///< what theta lies in, where it is not the pool
  };
  Candidates candidates_of(std::span<const double> theta, std::span<const uint8_t> filled, uint64_t seed,
                           int64_t row);
  void look_elsewhere(Candidates& candidates, std::span<const double> draws, uint64_t seed, int64_t row);
  void count(int64_t row, const sample::WeightQuality& quality, double accepted);
  bool enough(const sample::WeightQuality& quality) const;

  Weigher& weigher_;
  WeighingOptions options_;
  int64_t rows_ = 0, weighed_ = 0;
  double sum_ = 0, least_ = 0;         ///< of the rows' effective draws
  double shape_ = 0, acceptance_ = 0;  ///< the rows' largest Pareto shape, and the sum of their acceptances
  NamedRows few_, heavy_;              ///< rows that were given up, and rows of large weights
  NamedRows elsewhere_;                ///< rows of the weigher's other points
};

}  // namespace fluxsbi::experiment
