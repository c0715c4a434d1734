// The posterior of a report that has no file of samples: fluxsbi-network draws it.
#pragma once

#include <cstdint>
#include <string>

#include "report/content.hpp"
#include "report/run_folder.hpp"

namespace fluxsbi::app {

/// What `report --x` asks for.
struct DrawnPosterior {
  std::string x;  ///< file of observations; "": none
  int64_t draws = 10000;
  uint64_t seed = 1;
};

/// Draws the posterior of row samples.row (-1: the only one) of the file and adds it to the content, with
/// draws of the model's prior and samples.truth. Throws UserError for a file that does not fit the model.
void draw_posterior(const std::string& run, const DrawnPosterior& asked,
                    const report::SamplesRequest& samples, report::ReportContent& content);

}  // namespace fluxsbi::app
