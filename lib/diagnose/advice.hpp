// What kinds of fault a posterior has, in words, and what helps against each.
#pragma once

#include <string>

namespace fluxsbi::diagnose {

enum class Fault {
  none,
  too_narrow,
  too_wide,
  too_low,   ///< draws lie below the true values too often
  too_high,  ///< above
  other      ///< skew, or several modes
};

/// What to do, in fluxsbi's options; "" for none.
std::string advice(Fault fault);

/// "1 %", "0.123 %" of a share.
std::string percent_text(double share);

}  // namespace fluxsbi::diagnose
