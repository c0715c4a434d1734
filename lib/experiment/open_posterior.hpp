// From a model file to a posterior that samples.
#pragma once

#include <string>

#include "checkpoint/model_file.hpp"
#include "experiment/execution.hpp"
#include "sample/posterior.hpp"

namespace fluxsbi::experiment {

/// Builds network, method, standardisers and prior from a model file's content, on each of the execution's
/// devices, which then share the work (Posterior::share_with). `compute`: auto (float32 on a CPU; on a GPU
/// bfloat16 where the model allows it), float32, bfloat16 or bfloat16x3. Throws UserError for what does not
/// fit: a config of unknown names, weights of another network (all mismatches at once), a prior of another
/// length, CUDA that is absent.
sample::Posterior make_posterior(const checkpoint::ModelFile& file, const Execution& execution,
                                 const std::string& compute);

/// The content of the model of a run folder, or of a model file; warns of a run that has not finished. Throws
/// UserError where there is no model.
checkpoint::ModelFile open_model(const std::string& run_or_file);

/// As make_posterior; lets LibTorch use all threads, and logs what evaluates the model.
sample::Posterior open_posterior(const checkpoint::ModelFile& file, const Execution& execution,
                                 const std::string& compute);
/// The same of a run folder or a model file (open_model).
sample::Posterior open_posterior(const std::string& run_or_file, const Execution& execution,
                                 const std::string& compute);

}  // namespace fluxsbi::experiment
