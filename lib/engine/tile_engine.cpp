// The tile engine: 16 samples at a time pass through all blocks while their activations stay in cache. What
// it does is in engine/tile (docs/engine.md draws it); here it is fed from tensors and divided among threads.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/view_as_real.h>

#include "engine/embedded_tokens.hpp"
#include "engine/engine.hpp"
#include "engine/lowering/lowering.hpp"
#include "engine/tile/program.hpp"
#include "engine/tile_feed.hpp"
#include "engine/work_queue.hpp"
#include "model/flux1/flux1.hpp"
#include "model/flux1joint/flux1joint.hpp"
#include "model/simformer/edges.hpp"
#include "model/simformer/simformer.hpp"

namespace fluxsbi::engine {

namespace {

using tile::Slot;

// Parts that a thread's share of a training batch is cut into: more would let a held-up thread hand over
// more, and cost memory and a sum each.
constexpr int64_t parts_per_thread = 2;

// Numbers of a thread's activations beyond which blocks are computed again in the backward pass: 256 MB. It
// costs a tenth to a fifth of the speed.
constexpr int64_t most_kept = int64_t{64} << 20;

// Of the main network.
tile::ParameterTable table_of(const FlatParameters& parameters) {
  const std::string prefix = lowering::prefix_of(*parameters.network());
  tile::ParameterTable table;
  for (const auto& entry : parameters.entries) {
    if (entry.name.starts_with(prefix)) table[entry.name.substr(prefix.size())] = {entry.offset, entry.shape};
  }
  return table;
}

// A program with the threads' memory.
struct Prepared {
  Prepared(tile::Graph graph, tile::Recompute recompute) : program(std::move(graph), recompute) {}

  tile::Program program;
  std::vector<std::unique_ptr<tile::Arena>> arenas;  // of each thread
  std::vector<float> packed;
  int64_t packed_version = -1;
  std::vector<std::vector<float>> sums;  // of each part of a batch
};

// What all tiles of a call share.
struct Call {
  Prepared& prepared;
  std::map<Slot, Feed> feeds;
  at::Tensor rotation;  // [T, D] float32; undefined: none
  int64_t rows = 0;
  bool one_time = false;  // of all rows

  int64_t tiles() const { return (rows + tile::lanes - 1) / tile::lanes; }
};

// One numbering for all rows and, where it picks rows of a learned table, in the table's order. Others are
// rare: the modules see to them.
bool covers_ids(const at::Tensor& ids, bool picks) {
  if (!ids.defined()) return true;
  const at::Tensor first = ids.select(0, 0);  // [tokens, A]
  if (!ids.eq(first).all().item<bool>()) return false;
  return !picks || first.select(1, 0).eq(at::arange(first.size(0), first.options())).all().item<bool>();
}

bool covers_ids(const model::Network& network, const model::Inputs& inputs) {
  using model::IdStrategy;
  if (const auto* flux1 = dynamic_cast<const model::Flux1*>(&network)) {
    return covers_ids(inputs.obs_ids, flux1->shape().obs.strategy == IdStrategy::absolute) &&
           covers_ids(inputs.cond_ids, flux1->shape().cond.strategy == IdStrategy::absolute);
  }
  const auto* joint = dynamic_cast<const model::Flux1Joint*>(&network);
  return covers_ids(inputs.obs_ids, !joint || joint->shape().form != model::TokenForm::rotary);
}

class TileEngine final : public Engine {
 public:
  TileEngine(std::shared_ptr<model::Network> network, TrainIn train)
      : train_(train),
        fallback_(make_batch_parallel_engine(std::move(network), at::kFloat)),
        table_(table_of(fallback_->parameters())) {
    const auto* simformer = dynamic_cast<const model::Simformer*>(&this->network());
    if (simformer && !simformer->shape().edges.empty()) {
      own_edges_ = model::edge_table(simformer->shape().edges).squeeze(1);
    }
  }

  std::string_view name() const override { return "tile"; }
  FlatParameters& parameters() override { return fallback_->parameters(); }
  at::Device device() const override { return at::kCPU; }

  at::Tensor forward(const model::Inputs& inputs) override {
    if (!covers(inputs)) return fallback_->forward(inputs);
    if (embeds(inputs)) {
      model::Inputs tokens = inputs;
      tokens.cond = embed(inputs.cond);
      tokens.embedded = true;
      return forward(tokens);
    }
    const Call call = begin({}, inputs);
    const at::Tensor output = at::empty(inputs.obs.sizes(), inputs.obs.options());
    const tile::Value& result = call.prepared.program.graph().output();
    over_tiles(call, [&](tile::Frame& frame, int64_t first, int64_t count) {
      unload(frame.read(result), first, count, output);
    });
    return output;
  }

  at::Tensor accumulate_gradient(const Regression& problem, double scale) override;
  InputGradients input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                 InputsOf which) override;

 private:
  bool covers(const model::Inputs& inputs) { return inputs.obs.size(0) > 0 && covers_ids(network(), inputs); }
  /// The main network.
  const model::Network& network() { return lowering::main_of(*parameters().network()); }
  /// True where cond has to pass the embedding network first.
  bool embeds(const model::Inputs& inputs) {
    return !inputs.embedded && &network() != parameters().network().get();
  }

  Call begin(const tile::Wanted& wanted, model::Inputs inputs);
  Prepared& prepare(const tile::Wanted& wanted, bool edges);
  void pack(Prepared& prepared);
  template <class Body>
  void over_tiles(const Call& call, const Body& body);
  tile::Frame& frame_of(const Call& call, int64_t thread);
  static void fill(const Call& call, const tile::Frame& frame, int64_t first, tile::Level level);

  at::Tensor rotation(const model::Inputs& inputs);

  TrainIn train_;
  std::unique_ptr<Engine> fallback_;
  tile::ParameterTable table_;
  at::Tensor own_edges_;                    // [L, L] of Simformer, or undefined
  std::optional<at::Tensor> own_rotation_;  // of the network's own ids, once it was asked for
  struct Kept {
    tile::Wanted wanted;
    bool edges;
    std::unique_ptr<Prepared> prepared;
  };
  std::vector<Kept> kept_;
};

// [T, D]: cosine and sine of each pair, the same for all samples.
at::Tensor rotation_of(const model::Network& network, model::Inputs inputs) {
  for (const auto ids : {&model::Inputs::obs_ids, &model::Inputs::cond_ids}) {
    if ((inputs.*ids).defined()) inputs.*ids = (inputs.*ids).narrow(0, 0, 1);
  }
  at::Tensor rope;  // [T, 1, 2, H, D / 2]
  if (const auto* flux1 = dynamic_cast<const model::Flux1*>(&network)) rope = flux1->rope(inputs);
  if (const auto* joint = dynamic_cast<const model::Flux1Joint*>(&network)) rope = joint->rope(inputs);
  if (!rope.defined()) return {};
  return at::view_as_real(rope.select(1, 0).select(1, 0).select(1, 0)).flatten(1).contiguous();
}

at::Tensor TileEngine::rotation(const model::Inputs& inputs) {
  if (inputs.obs_ids.defined() || inputs.cond_ids.defined()) return rotation_of(network(), inputs);
  if (!own_rotation_) own_rotation_ = rotation_of(network(), inputs);
  return *own_rotation_;
}

Call TileEngine::begin(const tile::Wanted& wanted, model::Inputs inputs) {
  if (!inputs.edge_mask.defined()) inputs.edge_mask = own_edges_;
  Prepared& prepared = prepare(wanted, inputs.edge_mask.defined());
  pack(prepared);
  const auto threads = static_cast<size_t>(at::get_num_threads());
  if (prepared.arenas.size() < threads) prepared.arenas.resize(threads);
  const int64_t rows = inputs.obs.size(0);
  const bool one_condition = !inputs.conditioned.defined() || inputs.conditioned.stride(0) == 0;
  const bool one_time = inputs.t.stride(0) == 0 && !inputs.guidance.defined() && one_condition;
  return {prepared, feeds_of(inputs, prepared.program.graph()), rotation(inputs), rows, one_time};
}

Prepared& TileEngine::prepare(const tile::Wanted& wanted, bool edges) {
  for (const Kept& kept : kept_) {
    if (kept.wanted == wanted && kept.edges == edges) return *kept.prepared;
  }
  const auto program = [&](tile::Recompute recompute) {
    return std::make_unique<Prepared>(lowering::graph_of(network(), table_, wanted, edges), recompute);
  };
  auto prepared = program(tile::Recompute::no);
  if (prepared->program.arena_size() > most_kept) prepared = program(tile::Recompute::blocks);
  kept_.push_back({wanted, edges, std::move(prepared)});
  return *kept_.back().prepared;
}

void TileEngine::pack(Prepared& prepared) {
  if (prepared.packed_version == parameters().version()) return;
  const tile::Weights& weights = prepared.program.graph().weights();
  prepared.packed.resize(static_cast<size_t>(weights.packed_size()));
  const float* flat = parameters().master.const_data_ptr<float>();
  share_out(weights.pieces(),
            [&](int64_t piece, int64_t) { weights.pack(piece, flat, prepared.packed.data()); });
  prepared.packed_version = parameters().version();
}

tile::Frame& TileEngine::frame_of(const Call& call, int64_t thread) {
  auto& arena = call.prepared.arenas[static_cast<size_t>(thread)];
  if (!arena) arena = std::make_unique<tile::Arena>(call.prepared.program);
  tile::Frame& frame = arena->frame();
  frame.flat = parameters().master.const_data_ptr<float>();
  frame.packed = call.prepared.packed.data();
  frame.rotation = call.rotation.defined() ? call.rotation.const_data_ptr<float>() : nullptr;
  return frame;
}

void TileEngine::fill(const Call& call, const tile::Frame& frame, int64_t first, tile::Level level) {
  const tile::Graph& graph = call.prepared.program.graph();
  for (const auto& [slot, feed] : call.feeds) {
    const tile::Value& value = graph.inputs().at(slot);
    if (graph.level_of(value) >= level) feed.fill(frame.write(value), first, call.rows);
  }
  call.prepared.program.forward(frame, level);
}

// body(frame, first row, rows) after the forward pass of each tile.
template <class Body>
void TileEngine::over_tiles(const Call& call, const Body& body) {
  std::vector<char> begun(call.prepared.arenas.size(), 0);
  const bool keeps_times = call.one_time && !call.prepared.program.graph().wanted().any();
  const tile::Level rest = keeps_times ? tile::Level::per_tile : tile::Level::per_time;
  share_out(call.tiles(), [&](int64_t i, int64_t thread) {
    tile::Frame& frame = frame_of(call, thread);
    char& again = begun[static_cast<size_t>(thread)];
    const int64_t first = i * tile::lanes;
    fill(call, frame, first, again ? rest : tile::Level::once);
    again = 1;
    body(frame, first, std::min(tile::lanes, call.rows - first));
  });
}

at::Tensor TileEngine::accumulate_gradient(const Regression& problem, double scale) {
  if (train_ == TrainIn::modules || !covers(problem.inputs)) {
    return fallback_->accumulate_gradient(problem, scale);
  }
  model::Inputs inputs = problem.inputs;
  std::optional<EmbeddedTokens> embedded;
  if (embeds(inputs)) {
    embedded.emplace(parameters(), inputs.cond);
    inputs.cond = embedded->tokens();
  }
  tile::Wanted wanted{.parameters = true, .inputs = {}};
  if (embedded) wanted.inputs.insert(Slot::cond);
  const Call call = begin(wanted, inputs);
  const tile::Program& program = call.prepared.program;
  const tile::Weights& weights = program.graph().weights();
  const int64_t tiles = call.tiles(), parts = std::min(tiles, parts_per_thread * at::get_num_threads());
  auto& sums = call.prepared.sums;
  while (static_cast<int64_t>(sums.size()) < parts) {
    sums.emplace_back(static_cast<size_t>(weights.sums_size()));
  }
  const LossOfTile loss_of(problem, scale);
  at::Tensor cond_gradient;  // [B, M, K]
  if (embedded) cond_gradient = at::empty({call.rows, inputs.cond.size(1), inputs.cond.size(2)});
  std::vector<double> losses(static_cast<size_t>(parts), 0);
  const std::vector<Part> tiles_of = divide(tiles, parts);
  share_out(parts, [&](int64_t part, int64_t thread) {
    tile::Frame& frame = frame_of(call, thread);
    frame.sums = sums[static_cast<size_t>(part)].data();
    const auto [begin, of_part] = tiles_of[static_cast<size_t>(part)];
    for (int64_t i = begin; i < begin + of_part; ++i) {
      const int64_t first = i * tile::lanes, count = std::min(tile::lanes, call.rows - first);
      fill(call, frame, first, i == begin ? tile::Level::once : tile::Level::per_time);
      const tile::Value& output = program.graph().output();
      losses[static_cast<size_t>(part)] +=
          loss_of(frame.read(output), frame.gradient({output, true, false}), first, count);
      frame.adds_sums = i > begin;
      program.backward(frame);
      if (embedded) {
        unload(frame.gradient_of(program.graph().inputs().at(Slot::cond)), first, count, cond_gradient);
      }
    }
  });
  std::vector<const float*> of_parts;
  double loss = 0;
  for (int64_t part = 0; part < parts; ++part) {  // in this order every time: the same bits again
    of_parts.push_back(sums[static_cast<size_t>(part)].data());
    loss += losses[static_cast<size_t>(part)];
  }
  float* gradient = parameters().gradient.mutable_data_ptr<float>();
  share_out(weights.pieces(), [&](int64_t piece, int64_t) { weights.reduce(piece, of_parts, gradient); });
  if (embedded) embedded->backward(cond_gradient, parameters());
  return at::scalar_tensor(loss, at::kFloat);
}

InputGradients TileEngine::input_gradients(const model::Inputs& inputs, const at::Tensor& cotangent,
                                           InputsOf which) {
  if (!covers(inputs) || embeds(inputs)) return fallback_->input_gradients(inputs, cotangent, which);
  tile::Wanted wanted{.parameters = false, .inputs = {Slot::obs}};
  if (which == InputsOf::all) {
    wanted.inputs.insert(Slot::t);
    if (inputs.cond.defined()) wanted.inputs.insert(Slot::cond);
    if (inputs.guidance.defined()) wanted.inputs.insert(Slot::guidance);
  }
  const Call call = begin(wanted, inputs);
  const tile::Program& program = call.prepared.program;
  InputGradients result;
  result.output = at::empty(inputs.obs.sizes(), inputs.obs.options());
  std::map<Slot, at::Tensor> found;
  for (const Slot slot : wanted.inputs) {
    const tile::Value& value = program.graph().inputs().at(slot);
    found[slot] = at::empty({call.rows, value.T, value.F}, inputs.obs.options());
  }
  const Feed cotangents(cotangent);
  over_tiles(call, [&](tile::Frame& frame, int64_t first, int64_t count) {
    const tile::Value& output = program.graph().output();
    unload(frame.read(output), first, count, result.output);
    cotangents.fill(frame.gradient({output, true, false}), first, call.rows);
    program.backward(frame);
    for (const auto& [slot, gradient] : found) {
      unload(frame.gradient_of(program.graph().inputs().at(slot)), first, count, gradient);
    }
  });
  result.obs = found[Slot::obs];
  if (found.contains(Slot::t)) result.t = found[Slot::t].flatten();
  if (found.contains(Slot::guidance)) result.guidance = found[Slot::guidance].squeeze(1);
  if (found.contains(Slot::cond)) {
    result.cond = inputs.cond.size(0) == 1 ? found[Slot::cond].sum(0, true) : found[Slot::cond];
  }
  return result;
}

}  // namespace

std::string not_in_tiles(const model::Network& network, at::ScalarType compute, at::Device device) {
  if (!device.is_cpu()) return "GPUs";
  if (compute != at::kFloat) return "bfloat16";
  return lowering::covers(lowering::main_of(network)) ? "" : "this kind of network";
}

TrainIn faster_training(const model::Network& network) {
  constexpr int64_t many_weights = 4'000'000, few_tokens = 4;
  int64_t weights = 0;
  for (const at::Tensor& parameter : network.parameters()) weights += parameter.numel();
  return weights > many_weights && lowering::tokens_of(lowering::main_of(network)) <= few_tokens
             ? TrainIn::modules
             : TrainIn::tiles;
}

std::unique_ptr<Engine> make_tile_engine(std::shared_ptr<model::Network> network, TrainIn train) {
  return std::make_unique<TileEngine>(std::move(network), train);
}

}  // namespace fluxsbi::engine
