#include "model/simformer/simformer.hpp"

#include <numbers>

#include "engine/lowering/flux_blocks.hpp"
#include "engine/lowering/networks.hpp"
#include "model/ops/elementwise.hpp"
#include "model/simformer/edges.hpp"

namespace fluxsbi::engine::lowering {

namespace {

// [L, F]: value, id and condition of each token.
Value tokens(Graph& graph, const model::SimformerShape& shape) {
  const int64_t L = shape.tokens, value_width = shape.value_width, id_width = shape.id_width;
  const Value obs = graph.input(tile::Slot::obs, L, shape.channels);
  const Value mask = graph.input(tile::Slot::condition_mask, L, 1);
  const Value x = graph.make(L, shape.block.hidden);
  const std::string value = "embedding_net_value";
  graph.lerp(mlp_embedder(graph, value, obs), graph.repeat(obs, value_width),
             graph.spread(value + ".p_skip", 1, value_width), x.features(0, value_width));
  graph.spread("embedding_net_id.embedding", L, id_width, x.features(value_width, id_width));
  graph.spread("condition_embedding", L, shape.condition_width,
               x.features(value_width + id_width, shape.condition_width), mask);
  return x;
}

// The norm's scale multiplies as it is, where a modulation's is added to 1.
Value layer_norm(Graph& graph, const std::string& name, const Value& x) {
  const Value shift = graph.spread(name + ".bias", 1, x.F);
  const Value scale = graph.spread(name + ".scale", 1, x.F, {}, {}, -1);
  return graph.norm(x, shift, scale, model::ops::norm_eps);
}

Value attention_block(Graph& graph, const std::string& name, const model::SimformerBlockShape& shape,
                      const Value& x, const Value& edges) {
  const Value y = layer_norm(graph, name + ".layer_norm", x);
  const std::string attn = name + ".attn.";
  const Value packed = graph.linear({attn + "query", attn + "key", attn + "value"}, y);
  const int64_t Q = shape.qkv_features;
  tile::AttentionValues values;
  values.heads = shape.heads;
  values.q = packed.features(0, Q);
  values.k = packed.features(Q, Q);
  values.v = packed.features(2 * Q, Q);
  values.edges = edges;
  return graph.add(y, graph.linear(attn + "out", graph.attention(values)));
}

Value dense_block(Graph& graph, const std::string& name, const model::SimformerBlockShape& shape,
                  const Value& x, const Value& time) {
  const Value y = layer_norm(graph, name + ".layer_norm", x);
  Value h = graph.linear(name + ".hidden_blocks.0", y);
  for (int64_t i = 1; i <= shape.hidden_layers; ++i) {
    h = graph.linear(name + ".hidden_blocks." + std::to_string(i), graph.gelu(h));
  }
  const Value context = graph.gelu(graph.linear(name + ".context_block", time));  // [1, F]
  return graph.add(graph.add(h, context), y);
}

void add_simformer(Graph& graph, const model::SimformerShape& shape, bool with_edges) {
  const Value frequencies = graph.spread("embedding_time.B", 1, shape.block.time_features / 2 + 1);
  const Value time = graph.sinusoid(graph.input(tile::Slot::t, 1, 1), frequencies, 2 * std::numbers::pi,
                                    shape.block.time_features);
  const Value edges = with_edges ? graph.input(tile::Slot::edges, shape.tokens, shape.tokens) : Value{};
  Value x = tokens(graph, shape);
  graph.end_of_block();
  for (int64_t i = 0; i < shape.layers; ++i) {
    const std::string number = std::to_string(i);
    x = attention_block(graph, "transformer.attention_blocks." + number, shape.block, x, edges);
    x = dense_block(graph, "transformer.dense_blocks." + number, shape.block, x, time);
    graph.end_of_block();
  }
  graph.finish(graph.linear("output_fn", layer_norm(graph, "transformer.layer_norm", x)));
}

at::Tensor edges_of(const model::SimformerShape& shape) {
  return shape.edges.empty() ? at::Tensor() : model::edge_table(shape.edges).squeeze(1);
}

}  // namespace

const Traits simformer_traits{
    .matches = is<model::Simformer>,
    .add_to_graph = [](Graph& graph, const model::Network& network,
                       bool edges) { add_simformer(graph, as<model::Simformer>(network).shape(), edges); },
    .rope = [](const model::Network&, const model::Inputs&) { return at::Tensor(); },
    .edges = [](const model::Network& network) { return edges_of(as<model::Simformer>(network).shape()); },
    .covers_ids = [](const model::Network&,
                     const model::Inputs& inputs) { return one_numbering(inputs.obs_ids, true); },
};

}  // namespace fluxsbi::engine::lowering
