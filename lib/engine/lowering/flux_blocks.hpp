// The blocks of the Flux models (lib/model/blocks) as operations on a tile.
#pragma once

#include <string>

#include "engine/tile/graph.hpp"
#include "model/blocks/double_stream.hpp"
#include "model/blocks/id_embedding.hpp"

namespace fluxsbi::engine::lowering {

using tile::Graph;
using tile::Value;

/// Linear, SiLU, Linear
Value mlp_embedder(Graph& graph, const std::string& name, const Value& x);

/// The time's sinusoidal features through time_in, plus the guidance's through vector_in where guidance_dim >
/// 0: [1, F]
Value time_vector(Graph& graph, int64_t guidance_dim);

/// The ids' vectors [tokens, width] of a strategy that is not rotary; `name` is the IdEmbedding's.
Value id_vectors(Graph& graph, const std::string& name, model::IdStrategy strategy,
                 const std::vector<int64_t>& grid, int64_t tokens, int64_t width, const Value& into = {});

/// x [M + L, F], cond tokens first -> the same; signal = SiLU(vec) [1, F]
Value double_stream_block(Graph& graph, const std::string& name, const model::BlockShape& shape, bool rotates,
                          int64_t cond_tokens, const Value& x, const Value& signal);

/// x [T, F] -> [T, F]
Value single_stream_block(Graph& graph, const std::string& name, const model::BlockShape& shape, bool rotates,
                          const Value& x, const Value& signal);

/// x [L, F] -> [L, C]
Value last_layer(Graph& graph, const Value& x, const Value& signal);

}  // namespace fluxsbi::engine::lowering
