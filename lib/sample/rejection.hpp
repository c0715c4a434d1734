// What redrawing has seen so far, and whether more of it can fill what is missing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/prior/prior.hpp"
#include "sample/options.hpp"

namespace fluxsbi::sample {

/// Counts the tries of each observation and gives up those that no number of further tries is likely to fill.
///
/// After m tries of an observation of which a were kept, its acceptance is at most about p = (a + 3) / m:
/// with a = 0 the 95 % limit of a binomial share (Hanley and Lippman-Hand 1983, JAMA 249, 1743, "the rule of
/// three"). It is given up once m >= enough_tries and more than half of what it lacks would stay empty at
/// that rate: (1 - p)^max_tries > 1/2. Where nothing at all has been kept, two passes of together
/// enough_tries end everything.
class Rejection {
 public:
  static constexpr int64_t enough_tries = 200;

  /// `prior` may be null: then only what is not finite is redrawn. `names`: of theta's dim() numbers.
  Rejection(int64_t rows, const data::Prior* prior, std::vector<std::string> names,
            const SamplingOptions& options);

  /// A finite draw of an observation and whether it is kept; theta [dim] in the data's units, not looked at
  /// where the draw is kept.
  void count(int64_t row, bool kept, std::span<const double> theta);
  /// A draw that was not finite.
  void count_broken(int64_t row) { ++rows_[static_cast<size_t>(row)].tried; }
  /// Says after the first pass, which took `seconds`, how many draws were kept and how long it takes to fill
  /// the `pending` others; nothing where most were kept. The line begins with `who`.
  void report_first_pass(int64_t pending, double seconds, const std::string& who) const;
  /// True where filling the others would take more than twice options.max_seconds after a first pass that
  /// took `seconds`: more than half of them would still be missing then.
  bool out_of_time(double seconds) const;
  /// Ends a pass: takes the items of observations that are given up out of `pending` (item = row * draws +
  /// draw) and returns their number.
  int64_t give_up(std::vector<int64_t>& pending, int64_t draws);

  /// Where the rejected draws lie against the prior, for messages: "theta_0: the draws lie in [-2.9, -0.1],
  /// the prior in [0.001, 1]"; the three parameters that were outside most often. Empty if none was.
  std::string where() const;

 private:
  struct Tries {
    int64_t tried = 0, kept = 0;
  };
  struct Component {
    double low = 0, high = 0;  ///< of all rejected draws
    int64_t outside = 0;
  };
  double time_to_fill(double seconds, bool all) const;
  bool hopeless(const Tries& tries) const;
  Tries total() const;

  std::vector<Tries> rows_;
  std::vector<Component> components_;
  const data::Prior* prior_;
  std::vector<std::string> names_;
  const SamplingOptions& options_;
  int64_t passes_ = 0, rejected_ = 0;
};

}  // namespace fluxsbi::sample
