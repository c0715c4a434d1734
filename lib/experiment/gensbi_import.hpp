// From GenSBI's exported files to a model file.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/gensbi_export.hpp"
#include "checkpoint/model_file.hpp"

namespace fluxsbi::experiment {

struct GensbiImport {
  checkpoint::GensbiFiles files;
  checkpoint::GivenTokens tokens;
  std::vector<std::string> theta_names, x_names;  ///< empty: those of the YAML, else the defaults
};

/// A model that `sample` treats like one of its own: it has no standardisation and no prior, because an
/// export holds neither. Logs the warnings of the YAML and the model's remarks. Throws UserErrors with
/// everything that does not fit.
checkpoint::ModelFile import_gensbi(const GensbiImport& import);

}  // namespace fluxsbi::experiment
