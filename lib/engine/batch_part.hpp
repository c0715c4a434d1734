// Some rows of a batch as a batch of their own: views, nothing is copied.
#pragma once

#include "engine/engine.hpp"
#include "engine/work_queue.hpp"

namespace fluxsbi::engine {

/// The part's rows of x [B, ...]; x itself where it is undefined or its one row serves all.
at::Tensor part_of(const at::Tensor& x, const Part& part, int64_t batch);
model::Inputs part_of(const model::Inputs& inputs, const Part& part);
Regression part_of(const Regression& problem, const Part& part);

/// One batch of what the parts of `inputs` gave: rows one below the other; where one row of an input served
/// all parts, the sum of its gradients.
InputGradients joined(const std::vector<InputGradients>& parts, const model::Inputs& inputs);

}  // namespace fluxsbi::engine
