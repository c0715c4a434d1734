// Rates of several ways of doing one thing, measured side by side on a machine that may be busy with other
// work.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace fluxsbi::app::bench {

struct Variant {
  std::string name;
  std::function<void()> run;   ///< one unit of work; may leave a device at work
  std::function<void()> wait;  ///< until it is done
};

struct Rate {
  double median = 0, lowest = 0, highest = 0;  ///< units a second, over the rounds
  double ratio = 0;                            ///< to the first variant: the median of the rounds' ratios
};

/// Warms every variant up, then runs them in turn, a slice of each in every round, until `seconds` have gone
/// by (at least five rounds). What disturbs the machine disturbs the variants of one round alike, so that
/// ratios hold where rates do not.
std::vector<Rate> measure(const std::vector<Variant>& variants, double seconds);

double median(std::vector<double> values);

}  // namespace fluxsbi::app::bench
