// A graph with all kinds of operations, for tests of programs.
#pragma once

#include <string>
#include <vector>

#include "engine/tile/program.hpp"

namespace fluxsbi::engine::tile {

inline constexpr int64_t tokens = 3, width = 6, time_width = 4;

/// Names and shapes of everything that the graph below reads, and how many numbers they are.
inline ParameterTable parameters(int blocks, int64_t& size) {
  ParameterTable table;
  size = 0;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    const Parameter parameter{size, shape};
    table[name] = parameter;
    size += parameter.size();
  };
  const auto linear = [&](const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  add("frequencies", {time_width / 2});
  add("ids", {tokens, 2});
  add("p", {1});
  linear("value", width - 2, 1);
  for (int i = 0; i < blocks; ++i) {
    const std::string block = std::to_string(i);
    linear(block + ".modulation", 3 * width, time_width);
    linear(block + ".packed", 4 * width, width);
    linear(block + ".mixed", width, 2 * width);
  }
  linear("last", 1, width);
  return table;
}

/// A small transformer with all kinds of operations.
inline Graph make_graph(const ParameterTable& table, int blocks) {
  Graph graph(table, {.parameters = true, .inputs = {Slot::t, Slot::obs}});
  const Value t = graph.input(Slot::t, 1, 1), obs = graph.input(Slot::obs, tokens, 1);
  const Value time = graph.sinusoid(t, graph.spread("frequencies", 1, time_width / 2), 3, time_width);
  Value x = graph.make(tokens, width);
  graph.linear("value", obs, x.features(0, width - 2));
  graph.spread("ids", tokens, 2, x.features(width - 2, 2));
  graph.end_of_block();
  for (int i = 0; i < blocks; ++i) {
    const std::string block = std::to_string(i);
    const Value modulation = graph.linear(block + ".modulation", time);
    const Value normed =
        graph.norm(x, modulation.features(0, width), modulation.features(width, width), 1e-6);
    const Value packed = graph.linear(block + ".packed", normed);
    const Value joined = graph.make(tokens, 2 * width);
    AttentionValues values;
    values.heads = 2;
    values.q = packed.features(0, width);
    values.k = packed.features(width, width);
    values.v = packed.features(2 * width, width);
    graph.attention(values, joined.features(0, width));
    graph.gelu(packed.features(3 * width, width), joined.features(width, width));
    x = graph.gate(x, modulation.features(2 * width, width), graph.linear(block + ".mixed", joined));
    graph.end_of_block();
  }
  const Value y = graph.linear("last", x.tokens(0, 2));
  graph.finish(graph.lerp(y, obs.tokens(1, 2), graph.spread("p", 1, 1)));
  return graph;
}

}  // namespace fluxsbi::engine::tile
