// A trained model as the commands that sample or evaluate it open it.
#pragma once

#include <string>

#include "checkpoint/model_file.hpp"
#include "common.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::app {

/// A trained model, loaded, with the log's lines about it.
struct OpenModel {
  /// model: a run folder or model.safetensors. compute: as sample::Posterior takes it.
  OpenModel(const std::string& model, const experiment::Execution& execution, const std::string& compute);
  checkpoint::ModelFile file;
  sample::Posterior posterior;
};

/// Shows "WHAT done/total  RATE UNIT/s", and the time left.
sample::Progress show_progress(const std::string& what, const std::string& unit);

}  // namespace fluxsbi::app
