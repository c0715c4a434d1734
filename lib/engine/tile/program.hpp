// A graph that is ready to run: it has an order of operations and a place in memory for every buffer.
#pragma once

#include <vector>

#include "engine/tile/graph.hpp"
#include "engine/tile/numbers.hpp"
#include "engine/tile/planner.hpp"

namespace fluxsbi::engine::tile {

/// Whether blocks are computed again in the backward pass instead of being kept.
enum class Recompute { no, blocks };

class Program {
 public:
  Program(Graph graph, Recompute recompute);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const Graph& graph() const { return graph_; }
  const Placement& placement() const { return placement_; }
  /// Numbers of memory that a thread needs.
  int64_t arena_size() const { return arena_size_; }
  int64_t scratch_size() const { return scratch_size_; }

  /// Fills the constants of a new arena.
  void prepare(const Frame& frame) const;
  /// Computes the output from the inputs, which the caller has written. Operations below `level` do not run:
  /// their results from an earlier tile are kept.
  void forward(const Frame& frame, Level level) const;
  /// After forward: reads the gradient of the output, which the caller has written, and leaves those of the
  /// inputs that are wanted.
  void backward(const Frame& frame) const;

 private:
  struct Step {
    const Graph::Node* node;
    bool backward;
    bool begins_again;  ///< first of a block that is computed again: until now its values were not kept
  };

  void order_forward();
  void order_backward(Recompute recompute);
  std::vector<const Graph::Node*> needed_again(const std::vector<const Graph::Node*>& block) const;
  std::vector<Access> accesses() const;
  std::vector<size_t> what_stays() const;
  void place_buffers();

  Graph graph_;
  std::vector<Step> steps_;
  size_t turn_ = 0;  ///< where the backward pass begins
  Placement placement_;
  int64_t arena_size_ = 0, scratch_size_ = 0;
};

/// One thread's memory.
class Arena {
 public:
  explicit Arena(const Program& program);
  /// The frame of its memory, constants filled.
  const Frame& frame() const { return frame_; }
  Frame& frame() { return frame_; }

 private:
  Numbers memory_;
  Frame frame_;
};

}  // namespace fluxsbi::engine::tile
