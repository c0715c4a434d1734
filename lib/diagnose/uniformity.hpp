// Are numbers uniform on [0, 1], and if not, how do they miss it? What ranks of a right posterior are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diagnose/advice.hpp"
#include "diagnose/finding.hpp"

namespace fluxsbi::diagnose {

/// Fewer numbers are not tested.
inline constexpr int64_t least_uniform = 50;

struct Uniformity {
  double distance = 0, ks_probability = 1;  ///< Kolmogorov and Smirnov
  double chi_square = 0,
         chi_probability = 1;  ///< of `bins` equal bins, 20 or as many as expect 5 numbers each
  int64_t bins = 20;
  double p_value = 1;  ///< twice the smaller of both (Bonferroni), at most 1
  /// For ranks of a normal truth N(m, a^2) under draws of N(0, 1): m = sqrt 2 Phi^-1(mean u), and a by
  /// Var u = asin(a^2 / (1 + a^2)) / (2 pi). Z-scores say how sure each is.
  double shift = 0, shift_z = 0;
  double ratio = 1, ratio_z = 0;  ///< 1 / a: the draws' standard deviation over what it should be
  /// What is seen most clearly in the ranks: shift, width, or (neither beyond 3 standard errors) other.
  Fault fault = Fault::other;
};

/// u: at least least_uniform numbers in [0, 1].
Uniformity uniformity(std::span<const double> u);

/// The simultaneous band of Säilynoja, Bürkner & Vehtari 2022 (arXiv 2103.10522, section 2): the empirical
/// distribution function of n uniform numbers lies inside at all points `at` together with probability 1 -
/// level. At each point the band is that of a binomial at one level gamma, which is found by simulating the
/// null.
struct EcdfBand {
  std::vector<double> at, low, high;
};
EcdfBand ecdf_band(int64_t n, double level, uint64_t seed);

/// The graph of F(u) - u with its band, and the histogram in 20 bins with the band of each bin.
std::vector<Graph> uniformity_graphs(std::span<const double> u, const EcdfBand& band, double level,
                                     const std::string& title, const std::string& quantity);

}  // namespace fluxsbi::diagnose
