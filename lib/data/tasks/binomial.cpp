#include "data/tasks/binomial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/prior/special_functions.hpp"

namespace fluxsbi::data {

namespace {

/// times log(base), where nothing of something impossible is possible.
double times_log(double times, double log_base) {
  return times == 0 ? 0 : times * log_base;
}

}  // namespace

int64_t binomial(int64_t n, double p, core::Philox& random) {
  double left = random.uniform();
  if (!(p > 0)) return 0;
  if (p >= 1) return n;
  // The counts in the order mode, mode + 1, mode - 1, mode + 2, ... share out the unit interval: the nearest
  // are the likeliest, and their probabilities follow from each other.
  const auto tries = static_cast<double>(n);
  const int64_t mode = std::min(static_cast<int64_t>((tries + 1) * p), n);
  const double odds = p / (1 - p), most = std::exp(log_binomial(static_cast<double>(mode), n, p));
  int64_t up = mode, down = mode;
  double probability_up = most, probability_down = most;
  left -= most;
  while (left >= 0 && (up < n || down > 0)) {
    if (up < n) {
      probability_up *= odds * (tries - static_cast<double>(up)) / static_cast<double>(up + 1);
      ++up;
      left -= probability_up;
      if (left < 0) return up;
    }
    if (down > 0) {
      probability_down *= static_cast<double>(down) / (odds * static_cast<double>(n - down + 1));
      --down;
      left -= probability_down;
      if (left < 0) return down;
    }
  }
  return mode;
}

double log_binomial(double k, int64_t n, double p) {
  const auto tries = static_cast<double>(n);
  if (!(k >= 0 && k <= tries && k == std::floor(k))) return -std::numeric_limits<double>::infinity();
  return log_gamma(tries + 1) - log_gamma(k + 1) - log_gamma(tries - k + 1) + times_log(k, std::log(p)) +
         times_log(tries - k, std::log1p(-p));
}

}  // namespace fluxsbi::data
