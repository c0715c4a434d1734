// What redrawing has seen so far, and whether more of it can fill what is missing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/prior/prior.hpp"
#include "sample/options.hpp"

namespace fluxsbi::sample {

/// While one lives, all drawings of the process together say once how many draws are drawn again: for
/// observations that are answered one by one, each of which would say it anew.
class OneRejectionReport {
 public:
  OneRejectionReport();
  ~OneRejectionReport();
  OneRejectionReport(const OneRejectionReport&) = delete;
  OneRejectionReport& operator=(const OneRejectionReport&) = delete;
};

/// Counts the tries of each observation in a block (draw.hpp) and gives up those that no number of further
/// tries is likely to fill.
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
  Rejection(const data::Prior* prior, std::vector<std::string> names, const SamplingOptions& options);

  /// The observations first_row, ..., first_row + rows - 1 follow, and none before them. The tries of one of
  /// which the block before drew a part count on.
  void begin_block(int64_t first_row, int64_t rows);

  /// A finite draw of an observation and whether it is kept; theta [dim] in the data's units, not looked at
  /// where the draw is kept.
  void count(int64_t row, bool kept, std::span<const double> theta);
  /// A draw that was not finite.
  void count_broken(int64_t row);
  /// Says after the first pass over a block, which took `seconds`, how many draws were kept and how long it
  /// takes to fill the `pending` others; nothing where most were kept. The line begins with `who`. `share`:
  /// of all draws, those of this block. Once.
  void report_first_pass(int64_t pending, double seconds, double share, const std::string& who);
  /// True where filling all others would take more than twice options.max_seconds, by what redrawing took so
  /// far (`spent` seconds) and a first pass over this block of `seconds`: more than half of them would still
  /// be missing then. `share`: of all draws, those of the blocks up to this one.
  bool out_of_time(double seconds, double spent, double share) const;
  /// Ends a pass: takes the items of observations that are given up out of `pending` (item = row * draws +
  /// draw) and returns their number.
  int64_t give_up(std::vector<int64_t>& pending, int64_t draws);

  /// Where the rejected draws lie against the prior, for messages: "theta_0: the draws lie in [-2.9, -0.1],
  /// the prior in [0.001, 1]"; the three parameters that were outside most often. Empty if none was.
  std::string where() const;

  /// Where it stands between two blocks, for restore() of another; JSON.
  std::string state() const;
  void restore(const std::string& state);

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
  Tries of_block() const;
  Tries& row(int64_t row) { return rows_[static_cast<size_t>(row - first_row_)]; }

  std::vector<Tries> rows_;  ///< of the block
  int64_t first_row_ = 0;
  Tries before_;        ///< of the block's first row, in earlier blocks
  Tries total_;         ///< of all blocks
  Tries total_before_;  ///< of earlier blocks
  std::vector<Component> components_;
  const data::Prior* prior_;
  std::vector<std::string> names_;
  const SamplingOptions& options_;
  int64_t passes_ = 0, rejected_ = 0;
  bool reported_ = false;
};

}  // namespace fluxsbi::sample
