// The binomial distribution: how many of n hold what each holds with probability p.
#pragma once

#include <cstdint>

namespace fluxsbi::diagnose {

/// P(X <= k) and P(X >= k) for X ~ Binomial(n, p), n >= 1, p in (0, 1); any k.
double binomial_at_most(int64_t k, int64_t n, double p);
double binomial_at_least(int64_t k, int64_t n, double p);

/// Two-sided p-value of k: twice the smaller tail, at most 1.
double binomial_p_value(int64_t k, int64_t n, double p);

/// The counts that are not unusual: the smallest k with P(X <= k) > level / 2, the largest with P(X >= k) >
/// level / 2.
struct BinomialBand {
  int64_t low = 0, high = 0;
};
BinomialBand binomial_band(int64_t n, double p, double level);

}  // namespace fluxsbi::diagnose
