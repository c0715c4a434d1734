// What the course of the validation loss says about a training.
#pragma once

#include <vector>

#include "diagnose/tests.hpp"

namespace fluxsbi::diagnose {

/// The test `training`: where the validation loss was lowest, whether it was still falling when the training
/// ended, or had begun to rise. It measures and never fails: the losses that methods end with do not compare.
/// Its `next` says what to do if another test fails. Fewer than eight losses show no course. Nothing where no
/// losses are known.
std::vector<Finding> run_training_course(const Evidence& evidence, const TestOptions& options);

}  // namespace fluxsbi::diagnose
