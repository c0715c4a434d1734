// One operation of a graph: a forward and a backward kernel on values of a tile.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tile/kernels.hpp"
#include "engine/tile/value.hpp"
#include "engine/tile/weights.hpp"

namespace fluxsbi::engine::tile {

/// A value that an operation reads.
struct Source {
  Value value;
  bool wanted = false;  ///< its gradient is asked for
  bool adds = false;  ///< something stands there already when this operation's backward runs (Graph::finish)
};

/// Where the buffers of a program lie in an arena, in numbers; -1: nowhere.
struct Placement {
  struct Buffer {
    int64_t value = -1, gradient = -1;
    int64_t token = 0;  ///< numbers of one token
  };
  std::vector<Buffer> buffers;
};

/// What an operation works on: one thread's memory for one tile.
struct Frame {
  const Kernels* kernels = nullptr;
  const Placement* placement = nullptr;
  const Weights* weights = nullptr;
  float* arena = nullptr;
  float* scratch = nullptr;
  const float* flat = nullptr;      ///< all parameters
  const float* packed = nullptr;    ///< Weights
  const float* rotation = nullptr;  ///< [T, D], as struct Attention has it
  float* sums = nullptr;            ///< Weights; null where gradients of parameters are not wanted
  bool adds_sums = false;           ///< false for the first tile of a part: its sums are written, not added

  In read(const Value& value) const;
  Out write(const Value& value) const;
  /// Where an operation puts the gradient of a source; no data where it is not wanted.
  Gradient gradient(const Source& source) const;
  /// Where the caller writes the gradient of a value, the output's.
  Out gradient_to(const Value& value) const;
  In gradient_of(const Value& value) const;
};

class Operation {
 public:
  virtual ~Operation() = default;
  virtual void forward(const Frame& frame) const = 0;
  /// Reads the gradient of `out`; writes or adds to those of the sources that want theirs, and to the sums.
  virtual void backward(const Frame& frame) const = 0;
  /// Numbers of scratch memory that a call needs.
  virtual int64_t scratch() const { return 0; }

  std::vector<Source> sources;
  Value out;
  Value statistics;         ///< a second result, for backward alone; may be none
  std::vector<Value> kept;  ///< what backward reads of sources, out and statistics
  bool has_parameters = false;
};

}  // namespace fluxsbi::engine::tile
