// The numbers that summarise draws, one variable at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fluxsbi::report {

struct VariableSummary {
  /// Shares of the draws below the quantiles.
  static constexpr std::array<double, 5> shares{0.05, 0.25, 0.5, 0.75, 0.95};

  std::string name;
  int64_t draws = 0;  ///< finite ones; the numbers below are NaN where there is none
  double mean = 0;
  double deviation = 0;                           ///< standard deviation, of n - 1; NaN for one draw
  std::array<double, shares.size()> quantiles{};  ///< linear between neighbours
  /// Where the draws are densest: the middle of the shortest interval that holds a tenth of them (at least
  /// two), the first such (Dalenius 1965, J. R. Statist. Soc. A 128).
  double mode = 0;
};

/// One for each name, of draws [n, names.size()], row-major; values that are not finite are left out.
std::vector<VariableSummary> summarise(std::span<const double> draws, std::span<const std::string> names);

}  // namespace fluxsbi::report
