#include "sample/bound.hpp"

namespace fluxsbi::sample {

Bound bound_of(engine::Engine& engine, const MakeInputs& make_inputs) {
  Bound bound;
  bound.network = [&engine, make_inputs](const at::Tensor& t, const at::Tensor& x, const at::Tensor& items) {
    return engine.forward(make_inputs(t, x, items));
  };
  bound.pull_back = [&engine, make_inputs](const at::Tensor& t, const at::Tensor& x,
                                           const at::Tensor& cotangent, const at::Tensor& items) -> Pulled {
    const model::Inputs inputs = make_inputs(t.to(at::kFloat), x.to(at::kFloat), items);
    const auto found = engine.input_gradients(inputs, cotangent.to(at::kFloat), engine::InputsOf::obs);
    at::Tensor gradient = found.obs.to(x.scalar_type());
    if (inputs.condition_mask.defined()) gradient = gradient.masked_fill(inputs.condition_mask, 0);
    if (inputs.missing.defined()) gradient = gradient.masked_fill(inputs.missing, 0);
    return {found.output.to(x.scalar_type()), gradient};
  };
  return bound;
}

}  // namespace fluxsbi::sample
