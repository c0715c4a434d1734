// Whether the members of an ensemble agree about an observation.
//
// Members saw nearly the same simulations, so where these say what theta is, members agree. Where they do
// not, as for an observation far from all of them, each member guesses in its own way (Lakshminarayanan et
// al. 2017, NeurIPS 30). Two numbers for each feature of theta tell that, of standardised draws, member m
// having the mean mu_m, the standard deviation s_m and n_m draws:
//   apart   the standard deviation of mu_m over members, in units of the root mean square of s_m
//   factor  exp of the standard deviation of log s_m over members
// Both are taken without what chance alone makes of so many draws: the mean of s_m^2 / n_m is subtracted from
// the variance of mu_m, and the mean of (k_m - 1) / (4 n_m) from that of log s_m, k_m being the kurtosis.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/standardise.hpp"

namespace fluxsbi::sample {

/// Draws [rows, draws, features] in the data's units, of which draw d of a row is of member d mod `members`.
struct MemberDraws {
  std::span<const double> values;
  std::span<const uint8_t> filled;  ///< [rows, draws]
  int64_t rows = 0, draws = 0, members = 1;
};

struct Disagreement {
  static constexpr int64_t least_draws = 50;  ///< of each member; with fewer nothing is said
  /// The limits (docs/ensembles.md): far above what chance makes of least_draws.
  static constexpr double most_apart = 0.75, most_factor = 1.6;

  int64_t row = 0;
  double apart = 0, factor = 1;  ///< the largest over features
  size_t apart_feature = 0, factor_feature = 0;

  /// Whether one of the limits is exceeded.
  bool warns() const { return apart > most_apart || factor > most_factor; }
  /// "the 4 members of the ensemble disagree: their means of mass lie 1.3 posterior standard deviations
  /// apart"; or how well they agree.
  std::string text(int64_t members, std::span<const std::string> names) const;
};

/// Looks at draws that come piece by piece, in the order of rows and draws.
class AgreementLook {
 public:
  /// Rows of `draws` draws of `members` members, in the units of `standardiser`, whose transforms count.
  AgreementLook(int64_t draws, int64_t members, const data::Standardiser& standardiser);

  /// The next draws [n, features] in the data's units, and which of them are filled. Calls `tell` for each
  /// row that they complete and whose members all have Disagreement::least_draws filled draws; never for a
  /// single model. Features that do not vary (given ones) are not looked at.
  void add(std::span<const double> values, std::span<const uint8_t> filled,
           const std::function<void(const Disagreement&)>& tell);

  /// Where it stands, for restore() of another.
  std::vector<double> state() const;
  void restore(std::span<const double> state);

 private:
  /// Of one member's draws of one feature: count, mean and sums of powers of the distance from it.
  struct Moments {
    double count = 0, mean = 0, second = 0, third = 0, fourth = 0;
    void add(double value);
  };
  struct Difference;
  static std::optional<Difference> difference(std::span<const Moments> of_members);
  void end_row(const std::function<void(const Disagreement&)>& tell);

  int64_t draws_, members_;
  const data::Standardiser& standardiser_;
  int64_t row_ = 0, draw_ = 0;    ///< of the next draw
  std::vector<Moments> moments_;  ///< [features, members]
};

/// One for each row whose members all have least_draws filled draws; none for a single model. Features that
/// do not vary (given ones) are not looked at. `standardiser` is of the features, and its transforms count.
std::vector<Disagreement> disagreements(const MemberDraws& draws, const data::Standardiser& standardiser);

}  // namespace fluxsbi::sample
