// A model file's call through an engine, as training and sampling make it.
#pragma once

#include "engine/engine.hpp"

namespace fluxsbi::golden {

/// `copies` copies of the call's rows: inputs that have one row for all stay so.
model::Inputs repeat_rows(const model::Inputs& inputs, int64_t copies);

struct EngineResult {
  at::Tensor output;  ///< [B, L, C]
  at::Tensor loss;    ///< scalar
};

/// Evaluates the engine and, where the cotangent [B, L, C] is defined, leaves the gradient of
/// sum(output * cotangent) / copies in its flat buffer, which the parameters' .grad view in float32. `loss`
/// is then that of a regression with this gradient, sum(cotangent^2) / 2.
EngineResult evaluate(engine::Engine& engine, const model::Inputs& inputs, const at::Tensor& cotangent,
                      int64_t copies);

}  // namespace fluxsbi::golden
