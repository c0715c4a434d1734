// Chunks of one size on a device that records steps (engine/step_runner.hpp): what a chunk asks of the device
// is recorded once and replayed for all that follow.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/step_runner.hpp"
#include "sample/bound.hpp"

namespace fluxsbi::sample {

/// The end of a path and how often the network was evaluated on the way.
struct PathEnd {
  at::Tensor x;             ///< [n, L, C] standardised; NaN for rows that failed
  at::Tensor exhausted;     ///< [n] bool
  int64_t evaluations = 0;  ///< of the network, unconditional ones included
};

/// Takes standard normal noise [n, L, C] on the device along the path of a chunk's conditions. It reads
/// nothing back from the device and asks the same of it for all chunks of the same shapes.
using FollowPath = std::function<PathEnd(const Bound& bound, const at::Tensor& noise)>;

class RecordedChunks {
 public:
  RecordedChunks(at::Device device, FollowPath follow) : device_(device), follow_(std::move(follow)) {}

  /// What follow(bound, noise) gives; valid until the next call. noise: on any device.
  PathEnd run(const Bound& bound, const at::Tensor& noise);
  /// Frees the device's memory that the records hold.
  void clear() { records_.clear(); }

 private:
  struct Record {
    Bound bound;  ///< whose `reads` each chunk's are copied into
    at::Tensor noise, x;
    at::Tensor exhausted;
    int64_t evaluations = 0;
    std::unique_ptr<engine::StepRunner> runner;
  };
  using Shapes = std::vector<std::vector<int64_t>>;

  Record make_record(const Bound& bound, const at::Tensor& noise) const;

  at::Device device_;
  FollowPath follow_;
  std::map<Shapes, Record> records_;
};

}  // namespace fluxsbi::sample
