// What a run reports while it is training: metrics.jsonl, TensorBoard events, the progress line and the log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "train/event_file.hpp"
#include "train/metrics_file.hpp"

namespace fluxsbi::train {

/// One line of metrics.jsonl. Means are taken over the steps since the line before.
struct Metrics {
  int64_t step = 0;
  double train_loss = 0;
  double learning_rate = 0;  ///< of the last step
  double gradient_norm = 0;  ///< mean, before clipping
  std::optional<double> validation_loss;
  double best_validation_loss = 0;  ///< infinite before the first
};

class Reporter {
 public:
  struct Start {
    int64_t step = 0;
    int64_t metrics_bytes = 0;  ///< what to keep of metrics.jsonl
    double seconds = 0;         ///< training time of earlier sessions
  };
  Reporter(const std::string& run, int64_t nsteps, bool tensorboard, const Start& start);

  /// Writes metrics and events, and at times a line to the log.
  void report(const Metrics& metrics);
  /// Keeps the progress line of a terminal alive; cheap enough to call in every step.
  void tick(int64_t step);

  /// Length of metrics.jsonl, safely on disk.
  int64_t metrics_bytes() { return metrics_.sync(); }
  /// Training time of all sessions.
  double seconds() const;

 private:
  std::string line(int64_t step) const;

  MetricsFile metrics_;
  std::unique_ptr<EventFile> events_;
  int64_t nsteps_;
  double started_, earlier_seconds_;
  int64_t last_step_;  ///< of the last report, or where the session began
  double last_time_;
  double rate_ = 0;  ///< steps a second before the last report
  double last_line_, last_progress_ = 0;
  std::optional<Metrics> shown_;
  std::optional<double> validation_;  ///< the last
};

}  // namespace fluxsbi::train
