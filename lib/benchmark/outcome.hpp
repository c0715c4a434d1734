// What an entry's folder says of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "benchmark/entry.hpp"
#include "benchmark/protocol.hpp"

namespace fluxsbi::benchmark {

/// NaN, -1 and "" stand for what is not there yet.
struct Outcome {
  Entry entry;
  /// C2ST of each observation, NaN where it is missing, by "benchmark_mlp", "benchmark_forest", "fresh_mlp",
  /// "fresh_forest".
  std::map<std::string, std::vector<double>> scores;
  double log_density = 0, log_density_error = 0;  ///< of the held-out theta given their x; its standard error
  int64_t without_density = 0;                    ///< held-out pairs of density zero, which are left out
  std::string sbc, tarp;                          ///< "pass", "FAIL", "not enough data"
  /// TARP's signed area between coverage and credibility: above 0 where posteriors are too wide, below where
  /// too narrow.
  double width = 0, width_error = 0;
  double minutes = 0;   ///< of training
  std::string threads;  ///< of training, "2", "1-2"
  int64_t steps = -1, parameters = -1;
  int64_t evaluations = -1;  ///< of the network for a draw
  std::string state;         ///< "" once all is done, "training, step 300", "scoring", "FAILED: ..."

  /// The mean over observations; NaN unless all are there.
  double score(const std::string& name) const;
};

/// Reads OUT/TASK/NAME. Throws UserError for files that are damaged.
Outcome read_outcome(const std::string& out, const Entry& entry, const Protocol& protocol);

}  // namespace fluxsbi::benchmark
