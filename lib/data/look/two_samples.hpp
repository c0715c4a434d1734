// Whether two samples of numbers are of one distribution, or one is uniform.
#pragma once

#include <vector>

namespace fluxsbi::data {

struct KolmogorovSmirnov {
  double distance = 0;     ///< largest difference of the two empirical distribution functions, in [0, 1]
  double probability = 1;  ///< of a distance as large if both samples were of one distribution
};

/// The two-sample test of Kolmogorov and Smirnov. The probability is the asymptotic Q(l) = 2 sum over k >= 1
/// of (-1)^(k-1) exp(-2 k^2 l^2) at l = (sqrt(m) + 0.12 + 0.11 / sqrt(m)) distance, m = a b / (a + b)
/// (Stephens 1970, J. R. Statist. Soc. B 32, 115), good from about four values on. A sample without values
/// differs from none.
KolmogorovSmirnov kolmogorov_smirnov(std::vector<double> a, std::vector<double> b);

/// The one-sample test: whether numbers are uniform on [0, 1]. The distance is that of their empirical
/// distribution function from F(u) = u, the probability as above at m = their number.
KolmogorovSmirnov kolmogorov_smirnov_uniform(std::vector<double> u);

}  // namespace fluxsbi::data
