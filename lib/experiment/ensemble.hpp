// Ensembles: members that are trained on the same data and answer as one model (docs/ensembles.md).
//
// RUN/members/1, 2, ... are run folders of their own, which `fluxsbi resume` and all other commands take. RUN
// itself holds config.yaml (training.ensemble), data.json, train.log and, once all members have finished,
// model.safetensors with all of them.
#pragma once

#include <cstdint>
#include <string>

#include "experiment/experiment.hpp"
#include "experiment/runs.hpp"

namespace fluxsbi::experiment {

/// True for a config of several members, and false for that of one of them.
bool is_ensemble(const Experiment& experiment);

/// RUN/members/NUMBER, counted from 1.
std::string member_folder(const std::string& run, int64_t number);

/// Looks at config and data as a single training does, makes RUN and trains its members to the end. What a
/// member becomes does not depend on how many are trained side by side. A member that fails is told of at
/// once, and the others go on. Throws UserError at the end where members failed; core::Stopped when a signal
/// asked to stop and a checkpoint was written, core::Interrupted when none was; and all that start_training
/// throws before the members begin.
void start_ensemble(Experiment experiment, const NewRun& run);

/// Goes on with each member where it stands, but for those that have finished. Throws as above.
void resume_ensemble(const std::string& folder, Experiment experiment, const Continuation& how,
                     const Execution& execution);

}  // namespace fluxsbi::experiment
