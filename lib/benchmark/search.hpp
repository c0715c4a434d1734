// A search for the settings that suit some data best: a stated space, trials drawn from it, successive
// halving.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fluxsbi::benchmark {

/// Keys of a config with the values to try, in YAML: {"optimizer.max_lr", {"3e-4", "1e-3"}}.
struct SearchSpace {
  std::vector<std::pair<std::string, std::vector<std::string>>> keys;

  /// The number of combinations, at most 10^15.
  int64_t size() const;
};

/// Reads a YAML file of lists, whose keys are sections and options or have dots: `optimizer: {max_lr: [3e-4,
/// 1e-3]}` or `optimizer.max_lr: [3e-4, 1e-3]`. An entry of a list may be a list or a section. Throws
/// UserError with file and line for what is no list, an empty list, and a file without a key.
SearchSpace load_space(const std::string& path);

/// The settings "key=value" of each trial: all combinations where there are no more than `trials`, else so
/// many different ones, drawn uniformly by `seed`.
std::vector<std::vector<std::string>> draw_trials(const SearchSpace& space, int64_t trials, uint64_t seed);

/// One stage of successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943).
struct Rung {
  int64_t trials = 0;  ///< that reach it: the best of the rung before
  int64_t steps = 0;   ///< that they have trained for at its end
};

/// Every rung keeps a third of the trials and trains them three times as long; the last has all `steps`. The
/// first trains for at least a twenty-seventh of them.
std::vector<Rung> rungs_of(int64_t trials, int64_t steps);

/// The places of the best `count` scores, the highest first; NaN is the worst.
std::vector<size_t> best_of(const std::vector<double>& scores, size_t count);

}  // namespace fluxsbi::benchmark
