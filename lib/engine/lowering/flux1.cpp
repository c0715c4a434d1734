#include "model/flux1/flux1.hpp"

#include <cmath>

#include "engine/lowering/flux_blocks.hpp"
#include "engine/lowering/networks.hpp"

namespace fluxsbi::engine::lowering {

namespace {

// The stream's tokens into `into` [tokens, F].
void embed_stream(Graph& graph, const std::string& name, const model::Flux1Shape& shape,
                  const model::StreamShape& stream, const Value& x, const Value& into) {
  const auto ids = [&](const Value& to) {
    return id_vectors(graph, name + ".ids", stream.strategy, stream.grid, stream.tokens, shape.id_width, to);
  };
  if (model::is_rotary(stream.strategy)) {
    graph.linear(name + ".value", x, into);
  } else if (shape.concatenates_ids) {
    graph.linear(name + ".value", x, into.features(0, shape.value_width));
    ids(into.features(shape.value_width, shape.id_width));
  } else {
    graph.add(graph.linear(name + ".value", x), ids({}), std::sqrt(static_cast<double>(into.F)), into);
  }
}

void add_flux1(Graph& graph, const model::Flux1Shape& shape) {
  const int64_t F = shape.block.hidden(), L = shape.obs.tokens, M = shape.cond.tokens;
  const bool rotates = !shape.id_axes.empty();
  Value vec = time_vector(graph, shape.guidance_dim);
  const Value unconditioned = shape.null_condition ? graph.input(tile::Slot::unconditioned, 1, 1) : Value{};
  if (shape.null_condition) {
    vec = graph.add(vec, graph.spread("condition_embedding", 1, F, {}, unconditioned));
  }
  const Value signal = graph.silu(vec);

  Value x = graph.make(M + L, F);
  const Value cond = graph.input(tile::Slot::cond, M, shape.cond.channels);
  if (shape.null_condition) {
    const Value given = graph.make(M, F);
    embed_stream(graph, "cond_in", shape, shape.cond, cond, given);
    graph.select(unconditioned, graph.spread("condition_null", M, F), given, x.tokens(0, M));
  } else {
    embed_stream(graph, "cond_in", shape, shape.cond, cond, x.tokens(0, M));
  }
  embed_stream(graph, "obs_in", shape, shape.obs, graph.input(tile::Slot::obs, L, shape.obs.channels),
               x.tokens(M, L));
  graph.end_of_block();

  for (int64_t i = 0; i < shape.depth; ++i) {
    x = double_stream_block(graph, "double_blocks." + std::to_string(i), shape.block, rotates, M, x, signal);
  }
  for (int64_t i = 0; i < shape.depth_single; ++i) {
    x = single_stream_block(graph, "single_blocks." + std::to_string(i), shape.block, rotates, x, signal);
  }
  graph.finish(last_layer(graph, x.tokens(M, L), signal));
}

// The ids of an absolute stream pick rows of its table.
bool covers_ids_of_flux1(const model::Flux1Shape& shape, const model::Inputs& inputs) {
  return one_numbering(inputs.obs_ids, shape.obs.strategy == model::IdStrategy::absolute) &&
         one_numbering(inputs.cond_ids, shape.cond.strategy == model::IdStrategy::absolute);
}

}  // namespace

const Traits flux1_traits{
    .matches = is<model::Flux1>,
    .add_to_graph = [](Graph& graph, const model::Network& network,
                       bool) { add_flux1(graph, as<model::Flux1>(network).shape()); },
    .rope = [](const model::Network& network,
               const model::Inputs& inputs) { return as<model::Flux1>(network).rope(inputs); },
    .edges = [](const model::Network&) { return at::Tensor(); },
    .covers_ids =
        [](const model::Network& network, const model::Inputs& inputs) {
          return covers_ids_of_flux1(as<model::Flux1>(network).shape(), inputs);
        },
};

}  // namespace fluxsbi::engine::lowering
