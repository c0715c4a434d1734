// What a set of draws says in numbers: moments, quantiles, modes and correlations of its variables.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "diagnose/samples.hpp"

namespace fluxsbi::diagnose {

struct VariableSummary {
  std::string name;
  double mean = 0, deviation = 0;  ///< standard deviation with n - 1; 0 for one draw
  std::vector<double> quantiles;   ///< one for each that was asked for
  double mode = 0;                 ///< of the variable alone, or the densest draw's value (Summary::mode_is)
};

struct Summary {
  enum class Mode {
    kernel,   ///< kernel_mode of each variable by itself
    density,  ///< the draw of the highest log-density, all variables together
  };
  std::string source;  ///< SampleSet::name
  int64_t draws = 0, unfilled = 0,
          not_finite = 0;  ///< used; left out as not filled; left out as NaN or infinite
  Mode mode_is = Mode::kernel;
  std::vector<VariableSummary> variables;
  std::vector<double> correlations;  ///< [d, d] of Pearson; NaN where a variable does not vary
};

/// Throws UserError for a set without a finite draw, and for names that repeat. Variables without names are
/// called theta_0, theta_1, ... quantiles: in [0, 1], linear between order statistics (type 7 of Hyndman &
/// Fan 1996, numpy's). log_density: of each draw of the file (SampleSet::places), or empty; the draw of its
/// highest finite value is the mode.
Summary summarise(SampleSet set, const std::vector<double>& quantiles,
                  std::span<const double> log_density = {});

/// The peak of a kernel density estimate, at one of the values. The kernel is Epanechnikov's. Its width is at
/// most what Silverman's rule says (0.9 min(sd, IQR / 1.34) n^(-1/5): Silverman 1986, eq. 3.31; times 2.2138
/// for this kernel), and narrower, as two-fold likelihood cross-validation finds, where there are several
/// peaks. Values are reflected at both ends, so that a density that is highest at the edge of its support has
/// its peak there. `values`: independent draws in any order, finite, not empty.
double kernel_mode(std::span<const double> values);

}  // namespace fluxsbi::diagnose
