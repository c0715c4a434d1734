// The programs of a network, and one call of a program: what is read into tiles and how threads share them.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/lowering/lowering.hpp"
#include "engine/tile/program.hpp"
#include "engine/tile_feed.hpp"
#include "engine/work_queue.hpp"

namespace fluxsbi::engine {

/// A program with the threads' memory.
struct Prepared {
  Prepared(tile::Graph graph, tile::Recompute recompute) : program(std::move(graph), recompute) {}

  tile::Program program;
  std::vector<std::unique_ptr<tile::Arena>> arenas;  ///< of each thread, once it has taken a tile
  tile::Numbers packed;                              ///< tile::Weights
  int64_t packed_version = -1;                       ///< of the parameters
  std::vector<tile::Numbers> sums;                   ///< tile::Weights, of each part of a training batch
};

/// What all tiles of a call share.
struct TileCall {
  Prepared& prepared;
  std::map<tile::Slot, Feed> feeds;
  at::Tensor rotation;  ///< [T, D] float32; undefined: none
  int64_t rows = 0;
  bool one_time = false;        ///< what the time and its like decide is the same for all rows
  const float* flat = nullptr;  ///< the parameters

  int64_t tiles() const { return (rows + tile::lanes - 1) / tile::lanes; }
  /// The rows of a tile.
  Part rows_in(int64_t tile) const {
    const int64_t first = tile * tile::lanes;
    return {first, std::min(tile::lanes, rows - first)};
  }
  const tile::Program& program() const { return prepared.program; }
  const tile::Value& output() const { return program().graph().output(); }
  const tile::Value& input(tile::Slot slot) const { return program().graph().inputs().at(slot); }

  /// The thread's memory, ready for this call.
  tile::Frame& frame_of(int64_t thread) const;
  /// Reads the inputs of the rows from `first` on and runs the forward pass; what is below `level` stays as
  /// an earlier tile left it.
  void forward(const tile::Frame& frame, int64_t first, tile::Level level) const;

  /// body(frame, rows) after the forward pass of each tile, divided among the threads.
  template <class Body>
  void over_tiles(const Body& body) const {
    std::vector<char> begun(prepared.arenas.size(), 0);
    const bool keeps_times = one_time && !program().graph().wanted().any();
    const tile::Level rest = keeps_times ? tile::Level::per_tile : tile::Level::per_time;
    share_out(tiles(), [&](int64_t tile, int64_t thread) {
      tile::Frame& frame = frame_of(thread);
      char& again = begun[static_cast<size_t>(thread)];
      const Part of_tile = rows_in(tile);
      forward(frame, of_tile.first, again ? rest : tile::Level::once);
      again = 1;
      body(frame, of_tile);
    });
  }
};

/// The programs of one network: one for each set of gradients that was asked for.
class TilePrograms {
 public:
  /// `parameters` must outlive this; its network is one of lowering::traits_of. `products`: tile::Graph.
  TilePrograms(FlatParameters& parameters, tile::Rounding products);

  /// True for a call that tiles can take.
  bool covers(const model::Inputs& inputs) const;
  /// The program for these gradients with weights packed, fed with these inputs, whose cond is embedded.
  TileCall begin(const tile::Wanted& wanted, model::Inputs inputs);

 private:
  struct Kept {
    tile::Wanted wanted;
    bool edges;
    std::unique_ptr<Prepared> prepared;
  };

  const model::Network& network() const { return parameters_.network()->main(); }
  Prepared& prepare(const tile::Wanted& wanted, bool edges);
  void pack(Prepared& prepared) const;
  at::Tensor rotation(const model::Inputs& inputs);

  FlatParameters& parameters_;
  tile::Rounding products_;
  const lowering::Traits& traits_;
  tile::ParameterTable table_;              // of the main network, by its own names
  at::Tensor own_edges_;                    // [L, L], or undefined
  std::optional<at::Tensor> own_rotation_;  // of the network's own ids, once it was asked for
  std::vector<Kept> kept_;
};

}  // namespace fluxsbi::engine
