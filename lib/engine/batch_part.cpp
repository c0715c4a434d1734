#include "engine/batch_part.hpp"

#include <ATen/Functions.h>

namespace fluxsbi::engine {

at::Tensor part_of(const at::Tensor& x, const Part& part, int64_t batch) {
  return !x.defined() || x.size(0) != batch || batch == 1 ? x : x.narrow(0, part.first, part.count);
}

model::Inputs part_of(const model::Inputs& inputs, const Part& part) {
  const int64_t batch = inputs.rows();
  model::Inputs rows;
  for (const auto member :
       {&model::Inputs::t, &model::Inputs::obs, &model::Inputs::cond, &model::Inputs::obs_ids,
        &model::Inputs::cond_ids, &model::Inputs::conditioned, &model::Inputs::guidance,
        &model::Inputs::condition_mask, &model::Inputs::missing}) {
    rows.*member = part_of(inputs.*member, part, batch);
  }
  rows.embedded = inputs.embedded;
  // [L, L] or [B, L, L]
  const bool each = inputs.edge_mask.defined() && inputs.edge_mask.dim() == 3;
  rows.edge_mask = each ? part_of(inputs.edge_mask, part, batch) : inputs.edge_mask;
  return rows;
}

Regression part_of(const Regression& problem, const Part& part) {
  const int64_t batch = problem.inputs.rows();
  // The weight is [B or 1, L, C], or of fewer axes: the same for all rows.
  return {part_of(problem.inputs, part), part_of(problem.target, part, batch),
          problem.weight.dim() == 3 ? part_of(problem.weight, part, batch) : problem.weight};
}

InputGradients joined(const std::vector<InputGradients>& parts, const model::Inputs& inputs) {
  const auto serves_all = [&](const at::Tensor& input) {
    return input.defined() && input.size(0) == 1 && inputs.rows() != 1;
  };
  const auto join = [&](at::Tensor InputGradients::*member, bool one_row) {
    std::vector<at::Tensor> list;
    for (const InputGradients& part : parts) list.push_back(part.*member);
    if (!list[0].defined()) return at::Tensor();
    return one_row ? at::stack(list).sum(0) : at::cat(list);
  };
  return {join(&InputGradients::output, false), join(&InputGradients::obs, false),
          join(&InputGradients::t, serves_all(inputs.t)),
          join(&InputGradients::cond, serves_all(inputs.cond)), join(&InputGradients::guidance, false)};
}

}  // namespace fluxsbi::engine
