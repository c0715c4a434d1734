// The tile engine: 16 samples at a time pass through all blocks while their activations stay in cache. What
// it does is in engine/tile (docs/engine.md draws it); tile_call.hpp feeds it from tensors and divides the
// work among threads.
#include <map>
#include <memory>
#include <optional>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>

#include "engine/embedded_tokens.hpp"
#include "engine/engine.hpp"
#include "engine/tile_call.hpp"
#include "engine/tile_gradient.hpp"

namespace fluxsbi::engine {

namespace {

using tile::Slot;

class TileEngine final : public Engine {
 public:
  TileEngine(std::shared_ptr<model::Network> network, tile::Rounding products)
      : modules_(make_reference_engine(std::move(network), at::kFloat, at::kCPU)),
        programs_(modules_->parameters(), products) {}

  std::string_view name() const override { return "tile"; }
  FlatParameters& parameters() override { return modules_->parameters(); }
  at::Device device() const override { return at::kCPU; }

  at::Tensor forward(const model::Inputs& inputs) override;
  at::Tensor accumulate_gradient(const Regression& problem, double scale) override;
  InputGradients input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                 InputsOf which) override;

 private:
  /// True where cond has to pass the embedding network first.
  bool embeds(const model::Inputs& inputs) {
    const auto& network = parameters().network();
    return !inputs.embedded && &network->main() != network.get();
  }

  std::unique_ptr<Engine> modules_;  // takes what tiles do not cover
  TilePrograms programs_;
};

at::Tensor TileEngine::forward(const model::Inputs& inputs) {
  if (!programs_.covers(inputs)) return modules_->forward(inputs);
  if (embeds(inputs)) {
    model::Inputs tokens = inputs;
    tokens.cond = embed(inputs.cond);
    tokens.embedded = true;
    return forward(tokens);
  }
  const TileCall call = programs_.begin({}, inputs);
  const at::Tensor output = at::empty(inputs.obs.sizes(), inputs.obs.options());
  call.over_tiles([&](tile::Frame& frame, const Part& rows) {
    unload(frame.read(call.output()), rows.first, rows.count, output);
  });
  return output;
}

at::Tensor TileEngine::accumulate_gradient(const Regression& problem, double scale) {
  if (!programs_.covers(problem.inputs)) return modules_->accumulate_gradient(problem, scale);
  model::Inputs inputs = problem.inputs;
  std::optional<EmbeddedTokens> embedded;
  tile::Wanted wanted{.parameters = true, .inputs = {}};
  if (embeds(inputs)) {
    embedded.emplace(parameters(), inputs.cond);
    inputs.cond = embedded->tokens();
    wanted.inputs.insert(Slot::cond);
  }
  const TileCall call = programs_.begin(wanted, inputs);
  at::Tensor cond_gradient;  // [B, M, K]
  if (embedded) cond_gradient = at::empty({call.rows, inputs.cond.size(1), inputs.cond.size(2)});
  const double loss = add_gradient(call, LossOfTile(problem, scale), parameters().gradient, cond_gradient);
  if (embedded) embedded->backward(cond_gradient, parameters());
  return at::scalar_tensor(loss, at::kFloat);
}

InputGradients TileEngine::input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                           InputsOf which) {
  if (!programs_.covers(inputs) || embeds(inputs)) {
    return modules_->input_gradients(inputs, cotangent, which);
  }
  tile::Wanted wanted{.parameters = false, .inputs = {Slot::obs}};
  if (which == InputsOf::all) {
    wanted.inputs.insert(Slot::t);
    if (inputs.cond.defined()) wanted.inputs.insert(Slot::cond);
    if (inputs.guidance.defined()) wanted.inputs.insert(Slot::guidance);
  }
  const TileCall call = programs_.begin(wanted, inputs);
  InputGradients result;
  result.output = at::empty(inputs.obs.sizes(), inputs.obs.options());
  std::map<Slot, at::Tensor> found;  // [B, T, F] each
  for (const Slot slot : wanted.inputs) {
    found[slot] = at::empty({call.rows, call.input(slot).T, call.input(slot).F}, inputs.obs.options());
  }
  const Feed cotangents(cotangent);
  call.over_tiles([&](tile::Frame& frame, const Part& rows) {
    unload(frame.read(call.output()), rows.first, rows.count, result.output);
    cotangents.fill(frame.gradient_to(call.output()), rows.first, call.rows);
    call.program().backward(frame);
    for (const auto& [slot, gradient] : found) {
      unload(frame.gradient_of(call.input(slot)), rows.first, rows.count, gradient);
    }
  });
  // One row that served all gathers what it gave them.
  const auto of_shape = [&](Slot slot, const at::Tensor& input) {
    if (!found.contains(slot)) return at::Tensor();
    return (input.size(0) == 1 ? found[slot].sum(0, true) : found[slot]).view(input.sizes());
  };
  result.obs = found[Slot::obs];
  result.t = of_shape(Slot::t, inputs.t);
  result.cond = of_shape(Slot::cond, inputs.cond);
  result.guidance = of_shape(Slot::guidance, inputs.guidance);
  return result;
}

}  // namespace

std::unique_ptr<Engine> make_tile_engine(std::shared_ptr<model::Network> network, tile::Rounding products) {
  return std::make_unique<TileEngine>(std::move(network), products);
}

}  // namespace fluxsbi::engine
