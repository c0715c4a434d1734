// The binomial distribution, for tasks that count.
#pragma once

#include <cstdint>

#include "core/philox.hpp"

namespace fluxsbi::data {

/// One draw of the number of successes in n tries of probability p, by inversion: it takes one uniform number
/// and some 2 sqrt(n p (1 - p)) additions, and depends on `random` alone. p <= 0 gives 0, p >= 1 gives n.
int64_t binomial(int64_t n, double p, core::Philox& random);

/// log of C(n, k) p^k (1 - p)^(n - k), with 0 log 0 = 0; -infinity where k is not a whole number from 0 to n.
double log_binomial(double k, int64_t n, double p);

}  // namespace fluxsbi::data
