#include "model/flux1joint/flux1joint.hpp"

#include <cmath>

#include "engine/lowering/flux_blocks.hpp"
#include "engine/lowering/networks.hpp"

namespace fluxsbi::engine::lowering {

namespace {

// [L, F]: value, mark and id of each token, as the form has them.
Value joint_tokens(Graph& graph, const model::Flux1JointShape& shape) {
  const int64_t F = shape.block.hidden(), L = shape.tokens;
  const Value obs = graph.input(tile::Slot::obs, L, shape.channels);
  const Value mask = graph.input(tile::Slot::condition_mask, L, 1);
  const auto mark = [&](const Value& into) {
    return graph.spread("condition_embedding", L, shape.mark_width, into, mask);
  };
  const auto ids = [&](const Value& into) {
    return id_vectors(graph, "ids", model::IdStrategy::absolute, {}, L, shape.id_width, into);
  };
  if (shape.form == model::TokenForm::sum) {
    const Value with_id = graph.add(graph.linear("obs_in", obs), ids({}), std::sqrt(static_cast<double>(F)));
    return graph.add(with_id, mark({}));
  }
  const Value x = graph.make(L, F);
  graph.linear("obs_in", obs, x.features(0, shape.value_width));
  mark(x.features(shape.value_width, shape.mark_width));
  if (shape.form == model::TokenForm::concat) {
    ids(x.features(shape.value_width + shape.mark_width, shape.id_width));
  }
  return x;
}

void add_flux1joint(Graph& graph, const model::Flux1JointShape& shape) {
  const Value signal = graph.silu(time_vector(graph, shape.guidance_dim));
  Value x = joint_tokens(graph, shape);
  graph.end_of_block();
  for (int64_t i = 0; i < shape.depth; ++i) {
    x = single_stream_block(graph, "single_blocks." + std::to_string(i), shape.block,
                            shape.form == model::TokenForm::rotary, x, signal);
  }
  graph.finish(last_layer(graph, x, signal));
}

}  // namespace

const Traits flux1joint_traits{
    .matches = is<model::Flux1Joint>,
    .add_to_graph = [](Graph& graph, const model::Network& network,
                       bool) { add_flux1joint(graph, as<model::Flux1Joint>(network).shape()); },
    .rope = [](const model::Network& network,
               const model::Inputs& inputs) { return as<model::Flux1Joint>(network).rope(inputs); },
    .edges = [](const model::Network&) { return at::Tensor(); },
    .covers_ids =
        [](const model::Network& network, const model::Inputs& inputs) {
          const bool picks = as<model::Flux1Joint>(network).shape().form != model::TokenForm::rotary;
          return one_numbering(inputs.obs_ids, picks);
        },
};

}  // namespace fluxsbi::engine::lowering
