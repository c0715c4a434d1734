// Chunks of one size on a device that records steps (engine/step_runner.hpp): what a chunk asks of the device
// is recorded once and replayed for all that follow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "engine/step_runner.hpp"
#include "sample/bound.hpp"

namespace fluxsbi::sample {

/// What a chunk gives, and how often the network was evaluated for it, unconditional evaluations included.
struct Followed {
  std::vector<at::Tensor> outputs;  ///< of the same shapes for inputs of the same shapes
  int64_t evaluations = 0;
};

/// Takes what is a chunk's own, on the device, along the path of its conditions. It reads nothing back from
/// the device and asks the same of it for all chunks of the same shapes.
using Follow = std::function<Followed(const Bound& bound, const std::vector<at::Tensor>& inputs)>;

class RecordedChunks {
 public:
  RecordedChunks(at::Device device, Follow follow) : device_(device), follow_(std::move(follow)) {}

  /// What follow(bound, inputs) gives; valid until the next call. inputs: on any device; from pinned memory
  /// nobody waits for them.
  Followed run(const Bound& bound, const std::vector<at::Tensor>& inputs);
  /// Frees the device's memory that the records hold.
  void clear() { records_.clear(); }

 private:
  struct Record {
    Bound bound;  ///< whose `reads` each chunk's are copied into
    std::vector<at::Tensor> inputs;
    Followed end;  ///< outputs: none before the first chunk
    std::unique_ptr<engine::StepRunner> runner;
  };
  using Shapes = std::vector<std::vector<int64_t>>;

  Record make_record(const Bound& bound, const std::vector<at::Tensor>& inputs) const;

  at::Device device_;
  Follow follow_;
  std::map<Shapes, Record> records_;
};

}  // namespace fluxsbi::sample
