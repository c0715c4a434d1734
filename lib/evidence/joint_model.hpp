// A joint model with what its file says about how log p(x) is best asked of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "data/symmetry/symmetry.hpp"
#include "experiment/execution.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::evidence {

/// What log p(x) is computed of. A prior that is known need not be taken from the network, and forms that are
/// as probable as x are as many answers, whose errors differ.
struct EvidenceParts {
  bool by_prior = false;  ///< p(theta) is known and p(x | theta) was trained; else p(theta, x) is asked
  std::vector<data::SignedPermutation> forms;  ///< of x, which are as probable as x; the first is x itself
};

/// From the config and the symmetries that a model file names. Throws UserError for a model that was trained
/// for neither the likelihood, with a prior whose density is known, nor the joint distribution, or not for
/// the posterior.
EvidenceParts evidence_parts(const checkpoint::ModelFile& file, const std::string& name);

struct JointModel {
  sample::Posterior posterior;
  EvidenceParts parts;
  /// The posterior whose draws have the densities that are computed: of a student its teacher's.
  sample::Posterior& asked() { return posterior.teacher() ? *posterior.teacher() : posterior; }
};

/// Loads the model of a run folder, or a model file. Throws UserError for a model of theta given x, for one
/// without x, and as evidence_parts does. The log says which parts are asked.
JointModel open_joint(const std::string& name, const experiment::Execution& execution);

}  // namespace fluxsbi::evidence
