#include "engine/tile_call.hpp"

#include <ATen/ops/view_as_real.h>

#include "core/error.hpp"

namespace fluxsbi::engine {

namespace {

// Numbers of a thread's activations beyond which blocks are computed again in the backward pass: 256 MB. It
// costs a tenth to a fifth of the speed.
constexpr int64_t most_kept = int64_t{64} << 20;

// The parameters of the main network, without what an embedding network puts before their names.
tile::ParameterTable table_of(const FlatParameters& parameters) {
  const auto& network = parameters.network();
  const std::string prefix = &network->main() == network.get() ? "" : "network.";
  tile::ParameterTable table;
  for (const auto& entry : parameters.entries) {
    if (entry.name.starts_with(prefix)) table[entry.name.substr(prefix.size())] = {entry.offset, entry.shape};
  }
  return table;
}

const lowering::Traits& known(const model::Network& network) {
  const lowering::Traits* traits = lowering::traits_of(network);
  core::require(traits != nullptr, "the tile engine has a graph of this network");
  return *traits;
}

// [T, D]: cosine and sine of each pair, the same for all samples.
at::Tensor rotation_of(const lowering::Traits& traits, const model::Network& network, model::Inputs inputs) {
  for (const auto ids : {&model::Inputs::obs_ids, &model::Inputs::cond_ids}) {
    if ((inputs.*ids).defined()) inputs.*ids = (inputs.*ids).narrow(0, 0, 1);
  }
  const at::Tensor rope = traits.rope(network, inputs);  // [T, 1, 2, H, D / 2]
  if (!rope.defined()) return {};
  return at::view_as_real(rope.select(1, 0).select(1, 0).select(1, 0)).flatten(1).contiguous();
}

}  // namespace

tile::Frame& TileCall::frame_of(int64_t thread) const {
  auto& arena = prepared.arenas[static_cast<size_t>(thread)];
  if (!arena) arena = std::make_unique<tile::Arena>(prepared.program);
  tile::Frame& frame = arena->frame();
  frame.flat = flat;
  frame.packed = prepared.packed.data();
  frame.rotation = rotation.defined() ? rotation.const_data_ptr<float>() : nullptr;
  return frame;
}

void TileCall::forward(const tile::Frame& frame, int64_t first, tile::Level level) const {
  for (const auto& [slot, feed] : feeds) {
    const tile::Value& value = input(slot);
    if (program().graph().level_of(value) >= level) feed.fill(frame.write(value), first, rows);
  }
  program().forward(frame, level);
}

TilePrograms::TilePrograms(FlatParameters& parameters, tile::Rounding products)
    : parameters_(parameters),
      products_(products),
      traits_(known(network())),
      table_(table_of(parameters)),
      own_edges_(traits_.edges(network())) {}

bool TilePrograms::covers(const model::Inputs& inputs) const {
  return inputs.rows() > 0 && traits_.covers_ids(network(), inputs);
}

TileCall TilePrograms::begin(const tile::Wanted& wanted, model::Inputs inputs) {
  core::require(inputs.one_or_each(inputs.t), "tile engine: t is [1 or B]");
  if (!inputs.edge_mask.defined()) inputs.edge_mask = own_edges_;
  Prepared& prepared = prepare(wanted, inputs.edge_mask.defined());
  pack(prepared);
  const auto threads = static_cast<size_t>(at::get_num_threads());
  if (prepared.arenas.size() < threads) prepared.arenas.resize(threads);
  const bool one_condition = !inputs.conditioned.defined() || inputs.conditioned.size(0) == 1;
  const bool one_time = inputs.t.size(0) == 1 && !inputs.guidance.defined() && one_condition;
  return {prepared, feeds_of(inputs, prepared.program.graph()), rotation(inputs), inputs.rows(),
          one_time, parameters_.master.const_data_ptr<float>()};
}

Prepared& TilePrograms::prepare(const tile::Wanted& wanted, bool edges) {
  for (const Kept& kept : kept_) {
    if (kept.wanted == wanted && kept.edges == edges) return *kept.prepared;
  }
  const auto program = [&](tile::Recompute recompute) {
    tile::Graph graph(table_, wanted, products_);
    traits_.add_to_graph(graph, network(), edges);
    return std::make_unique<Prepared>(std::move(graph), recompute);
  };
  auto prepared = program(tile::Recompute::no);
  if (prepared->program.arena_size() > most_kept) prepared = program(tile::Recompute::blocks);
  kept_.push_back({wanted, edges, std::move(prepared)});
  return *kept_.back().prepared;
}

void TilePrograms::pack(Prepared& prepared) const {
  if (prepared.packed_version == parameters_.version()) return;
  const tile::Weights& weights = prepared.program.graph().weights();
  prepared.packed.resize(static_cast<size_t>(weights.packed_size()));
  const float* flat = parameters_.master.const_data_ptr<float>();
  share_out(weights.pieces(),
            [&](int64_t piece, int64_t) { weights.pack(piece, flat, prepared.packed.data()); });
  prepared.packed_version = parameters_.version();
}

at::Tensor TilePrograms::rotation(const model::Inputs& inputs) {
  if (inputs.obs_ids.defined() || inputs.cond_ids.defined()) return rotation_of(traits_, network(), inputs);
  if (!own_rotation_) own_rotation_ = rotation_of(traits_, network(), inputs);
  return *own_rotation_;
}

}  // namespace fluxsbi::engine
