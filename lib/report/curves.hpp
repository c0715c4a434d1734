// The picture of a training: losses and learning rate by step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/figure.hpp"

namespace fluxsbi::report {

struct TrainingCurves {
  struct Point {
    double step, value;
  };
  std::vector<Point> train_loss, validation_loss, learning_rate;
  std::string title;  ///< empty: none

  /// The lowest validation loss, if there is one.
  std::optional<Point> best() const;
};

/// Reads a run's metrics.jsonl: one JSON object a line with `step` and any of `train_loss`, `val_loss`, `lr`;
/// other keys and numbers that are not finite are left out. A last line that a killed run has cut short is
/// ignored. Throws UserError for a file that cannot be read, another broken line (with its number), or no
/// losses.
TrainingCurves read_metrics(const std::string& path);

/// Losses above, the learning rate in a small panel below. Many points of the training loss are averaged in
/// groups; its smoothed course lies over them.
Figure curves_figure(const TrainingCurves& curves, const FigureSize& size = {1000, 620, 14.5});

}  // namespace fluxsbi::report
