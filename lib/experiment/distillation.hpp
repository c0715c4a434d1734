// What `distill` does: a student of a trained model, in a run folder of its own (docs/distillation.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/model_file.hpp"
#include "experiment/execution.hpp"

namespace fluxsbi::experiment {

struct DistillationRequest {
  std::string teacher;                   ///< run folder or model file
  int64_t evaluations = 4;               ///< of the student's network for a draw, 1 to 64
  std::vector<std::string> data;         ///< where simulations lie; empty: where the teacher's config says
  std::vector<std::string> assignments;  ///< "section.key=value" over what is chosen for the student
  std::string folder;                    ///< of the student's run
  bool force = false;                    ///< replace a run that the folder holds
  Execution execution = {};
};

/// Trains the student to the end. Its config is the teacher's with the section distillation, the training's
/// steps such that it takes at most half of the teacher's time, and the rest of the schedule to match. The
/// folder also holds teacher.safetensors, a copy of the teacher's model file, from which resume_run goes on.
/// Throws UserError before anything is written: for a teacher that is an ensemble or a student itself, for
/// data that are gone or of other variables, for keys that decide what the teacher is (strategy, model, ...),
/// for evaluations out of range; as start_training does else.
void start_distillation(const DistillationRequest& request);

/// The teacher of the student's run in this folder. Throws UserError where it is missing or damaged.
std::shared_ptr<const checkpoint::ModelFile> kept_teacher(const std::string& folder);

}  // namespace fluxsbi::experiment
