// What a network computes, as a list of operations on values: written once by a function that reads like the
// model, then turned into a program.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/tile/operations.hpp"
#include "engine/tile/written_cells.hpp"

namespace fluxsbi::engine::tile {

/// What a graph is given for each sample.
enum class Slot {
  t,               ///< [1, 1]
  guidance,        ///< [1, G]
  unconditioned,   ///< [1, 1]: 1 where the condition is replaced by the learned null condition, else 0
  obs,             ///< [L, C]
  cond,            ///< [M, K]
  condition_mask,  ///< [L, 1]: 1 where the token is conditioned on, -1 where it has no value, else 0
  edges,           ///< [L, L]: 1 where the token of the row may attend to that of the column, else 0
};

/// Which gradients are wanted.
struct Wanted {
  bool parameters = false;
  std::set<Slot> inputs;

  bool any() const { return parameters || !inputs.empty(); }
  bool operator==(const Wanted&) const = default;
};

/// How often an operation has to run.
enum class Level {
  once,      ///< depends on parameters alone
  per_time,  ///< on the time and guidance too: once where all samples have one time
  per_tile,
};

class Graph {
 public:
  struct Buffer {
    int64_t T = 0, F = 0;
    bool wanted = false;  ///< its gradient is asked for
    Level level = Level::once;
    std::vector<float> constant;  ///< [T, F], the same for all samples; empty: computed or given
  };
  struct Node {
    OperationPtr operation;
    Level level;
    int block;  ///< counts end_of_block
    /// Cells of gradients that its backward pass reads or adds to and that nothing was written to before.
    std::vector<Cells> zeros;
  };

  /// `rounding`: of products in linear(), where it may be (docs/engine.md).
  Graph(const ParameterTable& parameters, Wanted wanted, Rounding rounding = Rounding::none);

  Value input(Slot slot, int64_t T, int64_t F);
  Value constant(const std::vector<float>& numbers, int64_t T, int64_t F);
  /// A value to be filled part by part.
  Value make(int64_t T, int64_t F);

  /// The operations (operations.hpp), by parameter names. `into`: where the result goes; by default a new
  /// value. `name` is that of a module with weight and, perhaps, bias; several are one product.
  Value linear(const std::string& name, const Value& x, const Value& into = {});
  Value linear(const std::vector<std::string>& names, const Value& x, const Value& into = {});
  Value norm(const Value& x, const Value& shift, const Value& scale, double eps);
  Value gate(const Value& x, const Value& gate, const Value& y, const Value& into = {});
  Value attention(const AttentionValues& values, const Value& into = {});
  Value gelu(const Value& x, const Value& into = {});
  Value silu(const Value& x);
  Value sinusoid(const Value& t, const Value& frequency, double factor, int64_t features);
  /// The parameter's numbers as [T, F]; it has F of them or T F. `factor` may be none.
  Value spread(const std::string& name, int64_t T, int64_t F, const Value& into = {},
               const Value& factor = {}, double offset = 0);
  Value add(const Value& x, const Value& z, double alpha = 1, const Value& into = {});
  Value lerp(const Value& a, const Value& b, const Value& p, const Value& into = {});
  Value select(const Value& mask, const Value& a, const Value& b, const Value& into = {});
  Value repeat(const Value& x, int64_t F, const Value& into = {});

  bool has(const std::string& parameter) const { return parameters_->contains(parameter); }
  /// The backward pass may compute what comes before again, from what crosses this line.
  void end_of_block() { ++block_; }
  /// Names the result, decides which gradients are written and which are added, and checks that every
  /// parameter is used.
  void finish(const Value& output);

  Level level_of(const Value& value) const { return buffers_[static_cast<size_t>(value.buffer)].level; }
  /// True where the backward pass goes through the operation. It takes them last one first.
  bool has_backward(const Node& node) const {
    return buffers_[static_cast<size_t>(node.operation->out.buffer)].wanted;
  }
  const Wanted& wanted() const { return wanted_; }
  const std::vector<Buffer>& buffers() const { return buffers_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::map<Slot, Value>& inputs() const { return inputs_; }
  const Weights& weights() const { return weights_; }
  const Value& output() const { return output_; }

 private:
  Buffer& buffer(const Value& value) { return buffers_[static_cast<size_t>(value.buffer)]; }
  Parameter take(const std::string& name);
  Value result(const Value& into, int64_t T, int64_t F);
  Value append(OperationPtr operation);
  void order_gradients();

  Rounding rounding_of(const Value& x, int64_t rows) const;
  const ParameterTable* parameters_;
  std::set<std::string> used_;
  Wanted wanted_;
  Rounding rounding_;
  Weights weights_;
  std::vector<Buffer> buffers_;
  std::vector<Node> nodes_;
  std::map<Slot, Value> inputs_;
  Value output_;
  int block_ = 0;
};

}  // namespace fluxsbi::engine::tile
