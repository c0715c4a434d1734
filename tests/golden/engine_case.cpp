#include "golden/engine_case.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

namespace fluxsbi::golden {

model::Inputs repeat_rows(const model::Inputs& inputs, int64_t copies) {
  const int64_t rows = inputs.obs.size(0);
  model::Inputs many = inputs;
  for (const auto member :
       {&model::Inputs::t, &model::Inputs::obs, &model::Inputs::cond, &model::Inputs::obs_ids,
        &model::Inputs::cond_ids, &model::Inputs::conditioned, &model::Inputs::guidance,
        &model::Inputs::condition_mask, &model::Inputs::edge_mask}) {
    at::Tensor& tensor = many.*member;
    if (!tensor.defined()) continue;
    tensor = tensor.detach();
    // [L, L] edge masks belong to all rows.
    const bool of_rows = tensor.size(0) == rows && (member != &model::Inputs::edge_mask || tensor.dim() == 3);
    std::vector<int64_t> counts(static_cast<size_t>(tensor.dim()), 1);
    counts[0] = of_rows ? copies : 1;
    tensor = tensor.repeat(counts);
  }
  return many;
}

EngineResult evaluate(engine::Engine& engine, const model::Inputs& inputs, const at::Tensor& cotangent,
                      int64_t copies) {
  EngineResult result;
  result.output = engine.forward(inputs);
  if (!cotangent.defined()) return result;
  // d/dy of (y - target)^2 / 2 is the cotangent where target = y - cotangent.
  engine::Regression problem;
  problem.inputs = inputs;
  problem.target = result.output - cotangent;
  problem.weight = at::full({1, 1, 1}, 0.5, result.output.options());
  engine.parameters().gradient.zero_();
  result.loss = engine.accumulate_gradient(problem, 1.0 / static_cast<double>(copies));
  return result;
}

}  // namespace fluxsbi::golden
