// Samples as files of other programs.
//
//   .nc   netCDF-4 with the groups of ArviZ's InferenceData: posterior, sample_stats (lp, weight),
//         observed_data, prior, posterior_predictive, prior_sbc, those whose data are there. Dimensions chain
//         [1], draw, and observation where there are several; x has x_dim_0, ... A dataset a variable.
//   .csv  a row a draw, a column a variable; log_posterior and weight where they are given. One observation.
//   .txt  getdist's chain: weight, minus the log-posterior, the variables; beside it ROOT.paramnames (name,
//         LaTeX label) and ROOT.ranges (the prior's ends, N where none is known). One observation.
//   .npz  samples [observations, draws, d], filled, and log_prob, weight, x, prior, predictive, pit where
//         they are there; draws first: samples_draws_first [draws, observations, d] and the others alike.
#pragma once

#include <string>
#include <vector>

#include "exchange/content.hpp"

namespace fluxsbi::exchange {

struct Target {
  std::string path;
  bool force = false;
  bool draws_first = false;  ///< .npz alone
};

/// Throws the UserError that write_content would end in: an extension that is none of the four (names them),
/// a file that exists, draws_first for another format.
void check_target(const Target& target);

/// Writes each file atomically; returns a line for each that says what it holds. Names that a format cannot
/// hold are changed, and a line says so. Throws UserError for several observations where the format holds one
/// (naming --row), and for names that would no longer differ.
std::vector<std::string> write_content(const Content& content, const Target& target);

}  // namespace fluxsbi::exchange
