// The noise levels of training, found while it goes on (method/level_density.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/training_state.hpp"
#include "method/level_density.hpp"

namespace fluxsbi::train {

class LearnedLevels {
 public:
  /// Before this step the network knows too little to tell where structure is: levels are those of the start
  /// density.
  static constexpr int64_t first_step = 500;

  LearnedLevels(const method::LevelRange& range, at::Device device) : range_(range), table_(range, device) {}

  /// What training steps draw from; stays in its place.
  const method::LevelTable& table() const { return table_; }
  /// Takes the means of G [level_bins] of a validation after `step` steps: from first_step on a running mean
  /// of them, to which each new one contributes 0.3, decides the levels.
  void observe(std::span<const double> g, int64_t step);
  /// What the levels are now, for the log.
  std::string text() const;

  /// Adds its part of a checkpoint.
  void save(checkpoint::TrainingState& state) const;
  void restore(const checkpoint::TrainingState& state);

 private:
  void decide();

  method::LevelRange range_;
  method::LevelTable table_;
  std::vector<double> g_;  ///< the running mean; empty before first_step
};

}  // namespace fluxsbi::train
