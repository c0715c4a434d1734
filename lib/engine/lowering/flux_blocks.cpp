#include "engine/lowering/flux_blocks.hpp"

#include <array>

#include "model/blocks/time_embedding.hpp"
#include "model/ops/elementwise.hpp"

namespace fluxsbi::engine::lowering {

namespace {

std::vector<float> numbers_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kFloat).contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

// The third parts q, k, v of packed [T, 3F or more].
tile::AttentionValues attention_of(const model::BlockShape& shape, const Value& packed,
                                   const Value& query_scale, const Value& key_scale, bool rotates) {
  const int64_t F = shape.hidden();
  return {shape.heads,
          model::ops::norm_eps,
          packed.features(0, F),
          packed.features(F, F),
          packed.features(2 * F, F),
          query_scale,
          key_scale,
          {},
          rotates};
}

}  // namespace

Value mlp_embedder(Graph& graph, const std::string& name, const Value& x) {
  return graph.linear(name + ".out_layer", graph.silu(graph.linear(name + ".in_layer", x)));
}

Value time_vector(Graph& graph, int64_t guidance_dim) {
  const Value t = graph.input(tile::Slot::t, 1, 1);
  const Value frequencies = graph.constant(
      numbers_of(model::TimeEmbedding(model::time_features).frequencies()), 1, model::time_features / 2);
  const Value features = graph.sinusoid(t, frequencies, model::time_factor, model::time_features);
  const Value vec = mlp_embedder(graph, "time_in", features);
  if (guidance_dim == 0) return vec;
  return graph.add(vec, mlp_embedder(graph, "vector_in", graph.input(tile::Slot::guidance, 1, guidance_dim)));
}

Value id_vectors(Graph& graph, const std::string& name, model::IdStrategy strategy,
                 const std::vector<int64_t>& grid, int64_t tokens, int64_t width, const Value& into) {
  if (strategy == model::IdStrategy::absolute) return graph.spread(name + ".embedding", tokens, width, into);
  const at::Tensor table = strategy == model::IdStrategy::pos1d
                               ? model::position_table(tokens, width)
                               : model::grid_position_table(grid.at(0), grid.at(1), width);
  const Value fixed = graph.constant(numbers_of(table), tokens, width);
  return into ? graph.repeat(fixed, width, into) : fixed;
}

Value double_stream_block(Graph& graph, const std::string& name, const model::BlockShape& shape, bool rotates,
                          int64_t cond_tokens, const Value& x, const Value& signal) {
  const int64_t F = shape.hidden(), D = shape.head_dim;
  const Value packed = graph.make(x.T, 3 * F), query_scale = graph.make(x.T, D),
              key_scale = graph.make(x.T, D);
  struct Stream {
    std::string name;
    int64_t first, count;
    Value modulation;  // [1, 6F]: shift, scale, gate of the attention, then of the MLP
  };
  std::array<Stream, 2> streams{Stream{name + ".cond", 0, cond_tokens, {}},
                                Stream{name + ".obs", cond_tokens, x.T - cond_tokens, {}}};
  for (Stream& own : streams) {
    own.modulation = graph.linear(own.name + "_mod.lin", signal);
    const Value normed = graph.norm(x.tokens(own.first, own.count), own.modulation.features(0, F),
                                    own.modulation.features(F, F), model::ops::norm_eps);
    graph.linear(own.name + "_attn.qkv", normed, packed.tokens(own.first, own.count));
    const std::string norm = own.name + "_attn.norm.";
    graph.spread(norm + "query_norm.scale", own.count, D, query_scale.tokens(own.first, own.count));
    graph.spread(norm + "key_norm.scale", own.count, D, key_scale.tokens(own.first, own.count));
  }
  const Value attended = graph.attention(attention_of(shape, packed, query_scale, key_scale, rotates));
  const Value out = graph.make(x.T, F);
  for (const Stream& own : streams) {
    const auto part = [&](int64_t i) { return own.modulation.features(i * F, F); };
    const Value proj = graph.linear(own.name + "_attn.proj", attended.tokens(own.first, own.count));
    const Value mixed = graph.gate(x.tokens(own.first, own.count), part(2), proj);
    const Value normed = graph.norm(mixed, part(3), part(4), model::ops::norm_eps);
    const Value hidden = graph.gelu(graph.linear(own.name + "_mlp.in_layer", normed));
    graph.gate(mixed, part(5), graph.linear(own.name + "_mlp.out_layer", hidden),
               out.tokens(own.first, own.count));
  }
  graph.end_of_block();
  return out;
}

Value single_stream_block(Graph& graph, const std::string& name, const model::BlockShape& shape, bool rotates,
                          const Value& x, const Value& signal) {
  const int64_t F = shape.hidden(), m = shape.mlp_width;
  const Value modulation = graph.linear(name + ".modulation.lin", signal);  // [1, 3F]: shift, scale, gate
  const Value normed =
      graph.norm(x, modulation.features(0, F), modulation.features(F, F), model::ops::norm_eps);
  const Value packed = graph.linear(name + ".linear1", normed);  // [T, 3F + m]
  const Value query_scale = graph.spread(name + ".norm.query_norm.scale", x.T, shape.head_dim);
  const Value key_scale = graph.spread(name + ".norm.key_norm.scale", x.T, shape.head_dim);
  const Value joined = graph.make(x.T, F + m);  // [attention | gelu(mlp)]
  graph.attention(attention_of(shape, packed, query_scale, key_scale, rotates), joined.features(0, F));
  if (m > 0) graph.gelu(packed.features(3 * F, m), joined.features(F, m));
  const Value out = graph.gate(x, modulation.features(2 * F, F), graph.linear(name + ".linear2", joined));
  graph.end_of_block();
  return out;
}

Value last_layer(Graph& graph, const Value& x, const Value& signal) {
  const Value modulation = graph.linear("final_layer.modulation", signal);  // [1, 2F]: shift, scale
  const Value normed =
      graph.norm(x, modulation.features(0, x.F), modulation.features(x.F, x.F), model::ops::norm_eps);
  return graph.linear("final_layer.linear", normed);
}

}  // namespace fluxsbi::engine::lowering
