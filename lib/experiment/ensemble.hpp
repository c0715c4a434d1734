// Ensembles: members that are trained on the same data and answer as one model (docs/ensembles.md).
//
// RUN/members/1, 2, ... are run folders of their own, which `fluxsbi resume` and all other commands take. RUN
// itself holds config.yaml (training.ensemble), data.json, train.log and, once all members have finished,
// model.safetensors with all of them.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/model_file.hpp"
#include "experiment/experiment.hpp"
#include "experiment/runs.hpp"

namespace fluxsbi::experiment {

/// RUN/members/NUMBER, counted from 1.
std::string member_folder(const std::string& run, int64_t number);

/// The run folder of the member with the lowest validation loss, which a line tells with the reason `purpose`
/// ("a student learns from one model"). run_or_file: of the ensemble `model`. Throws UserError where its
/// members are not in its folder.
std::string best_member(const std::string& run_or_file, const checkpoint::ModelFile& model,
                        const std::string& purpose);

/// Trains the members of RUN, whose config.yaml has been written and whose lock the caller holds, to the end.
/// What a member becomes does not depend on how many are trained side by side. A member that fails is told of
/// at once, and the others go on. Throws UserError at the end where members failed; core::Stopped when a
/// signal asked to stop and a checkpoint was written, core::Interrupted when none was.
void train_members(const std::string& folder, const train::TrainingOptions& training,
                   const Execution& execution, const Members& members);

/// Goes on with each member where it stands, but for those that have finished. Throws as above.
void resume_ensemble(const std::string& folder, Experiment experiment, const Continuation& how,
                     const Execution& execution);

}  // namespace fluxsbi::experiment
