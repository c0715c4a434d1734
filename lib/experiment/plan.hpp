// What a training and a sampling will take: time, memory and disk, from measurements of some seconds on this
// machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/value.hpp"
#include "experiment/execution.hpp"
#include "train/pace.hpp"

namespace fluxsbi::experiment {

struct PlanRequest {
  std::string
      model;  ///< a run folder or a model file, whose sampling is planned; empty: `config`, with its training
  config::Value config;                 ///< whole, or completed by the recipe beforehand
  int64_t observations = 0, draws = 0;  ///< 0 observations: no sampling
  double seconds = 3;                   ///< of each measurement, roughly
  Execution execution = {};
};

struct PlannedTraining {
  int64_t members = 1;          ///< of an ensemble
  int64_t steps = 0, rows = 0;  ///< of each: steps, and rows of a step
  train::Pace pace;
  double seconds = 0;  ///< of all members together, validations counted; less where a training ends early
  double memory = 0;   ///< bytes that were resident while it was measured, of one member
  double disk = 0;     ///< bytes of model and checkpoints, of all members
};

struct PlannedSampling {
  int64_t observations = 0, draws = 0;
  int64_t numbers = 0;      ///< that a draw has
  int64_t evaluations = 0;  ///< of the network for a draw
  double rate = 0;          ///< draws a second
  int64_t measured = 0;     ///< draws that were timed
  double acceptance = 1;    ///< share of them inside the prior's support; of an untrained network 1
  double memory = 0;        ///< bytes, at most
  double start = 0;         ///< seconds that every process takes before its first draw

  /// Seconds of one of `parts` processes of this machine's pace, which divide the observations.
  double seconds(int64_t parts) const;
  /// Observations of the largest of `parts` shards.
  int64_t share(int64_t parts) const;
  /// Bytes of a shard's samples in float32; without `parts`, of all.
  double disk(int64_t parts = 1) const;
  /// The fewest parts that are done in so many seconds; 0: no number of parts is.
  int64_t parts_for(double seconds) const;
};

struct Plan {
  std::string machine;  ///< "device: cpu, AMD EPYC, 2 threads, ..."
  std::optional<PlannedTraining> training;
  std::optional<PlannedSampling> sampling;
};

/// Measures training steps of a config as it will train, and draws of the model, or of a network of the
/// config's size with its start values. Writes no file. Throws UserError as `train` and `sample` do for what
/// is wrong with config, data, model or device, and for draws without a model that has any.
Plan make_plan(const PlanRequest& request);

}  // namespace fluxsbi::experiment
