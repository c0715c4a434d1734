#include "diagnose/binomial.hpp"

#include <algorithm>

#include "data/prior/special_functions.hpp"

namespace fluxsbi::diagnose {

double binomial_at_most(int64_t k, int64_t n, double p) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  return data::beta_above(static_cast<double>(k + 1), static_cast<double>(n - k), p);
}

double binomial_at_least(int64_t k, int64_t n, double p) {
  if (k <= 0) return 1;
  if (k > n) return 0;
  return data::beta_below(static_cast<double>(k), static_cast<double>(n - k + 1), p);
}

double binomial_p_value(int64_t k, int64_t n, double p) {
  return std::min(1.0, 2 * std::min(binomial_at_most(k, n, p), binomial_at_least(k, n, p)));
}

BinomialBand binomial_band(int64_t n, double p, double level) {
  // The first k of 0..n whose lower tail exceeds level / 2, by halving.
  const auto first = [n, level](const auto& exceeds) {
    int64_t low = 0, high = n;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (exceeds(middle, level / 2)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  };
  return {first([&](int64_t k, double tail) { return binomial_at_most(k, n, p) > tail; }),
          n - first([&](int64_t k, double tail) { return binomial_at_least(n - k, n, p) > tail; })};
}

}  // namespace fluxsbi::diagnose
