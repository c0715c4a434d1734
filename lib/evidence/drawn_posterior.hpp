// The posterior at one observation, drawn for a report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/content.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

struct DrawnRequest {
  std::string x;     ///< file of observations
  int64_t row = -1;  ///< from 0; -1: the file holds one
  int64_t draws = 10000;
  uint64_t seed = 1;
  std::vector<double> truth;  ///< true parameters, one for each number of theta; empty: unknown
};

/// Draws of theta given that row, the prior beside them where the model knows it, and what is unusual about
/// the observation. Throws UserError for a file that does not fit the model, a file of several rows without
/// `row`, and another number of true parameters than the model infers.
report::PosteriorContent drawn_posterior(sample::Posterior& posterior, const DrawnRequest& request);

}  // namespace fluxsbi::evidence
