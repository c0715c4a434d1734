// The section `sampling`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/table.hpp"

namespace fluxsbi::sample {

struct SamplingOptions {
  std::string solver = "auto";   ///< auto: the method's own
  std::optional<int64_t> steps;  ///< fixed-step solvers; none: the solver's default
  double atol = 1e-5, rtol = 1e-5;
  int64_t max_evaluations = 10000;
  double memory_gb = 1.0;     ///< what a chunk may take beside the result
  int64_t chunk = 0;          ///< draws a chunk; 0: from memory_gb
  bool reject = true;         ///< redraw samples outside the prior's support
  int64_t max_tries = 100;    ///< redraws of one sample
  double max_seconds = 3600;  ///< redrawing ends then
};
const config::Table<SamplingOptions>& sampling_table();

}  // namespace fluxsbi::sample
