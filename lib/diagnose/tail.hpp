// The probability of a value beyond those that a null distribution was simulated with.
#pragma once

#include <vector>

namespace fluxsbi::diagnose {

/// P(T >= value) for T of the distribution of `null`, n >= 20 draws that are exchangeable with the value if
/// nothing is wrong.
///
/// With at least ten of them as large: (1 + their number) / (n + 1). For farther values a tail is fitted to
/// the largest m = max(10, n / 5), at most 250, above a threshold t, as Knijnenburg et al. 2009
/// (Bioinformatics 25, i161) do, so that a hundred permutations can tell p = 1e-4: P = m / n (1 + xi (value -
/// t) / sigma)^(-1 / xi), the generalised Pareto distribution with sigma and xi by probability-weighted
/// moments (Hosking & Wallis 1987, Technometrics 29, 339). xi is at least 1 / m: at that value the formula is
/// the predictive distribution of an exponential tail whose scale is the mean of m values, so that the
/// scatter of the fit is in it. It replaces the count: the smaller of the two would be below 0.01 in up to
/// 1.4 % of the sets of 100 (exponential, lognormal and chi-square nulls), the fit alone is in 0.9 to 1.2 %.
double tail_probability(std::vector<double> null, double value);

}  // namespace fluxsbi::diagnose
