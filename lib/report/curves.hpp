// The picture of a training: losses and learning rate by step.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

/// A gnuplot script without terminal and output, for draw(): losses above, the learning rate in a small panel
/// below. Many points of the training loss are averaged in groups; its smoothed course lies over them.
std::string curves_script(const TrainingCurves& curves);

/// Reads the metrics.jsonl of a run and draws it at `path`; throws as read_metrics and draw_curves do.
void draw_training_curves(const std::string& metrics, const std::string& path);

/// Draws the curves as .png or .svg at `path`, 1000 x 620 pixels. Throws as draw (gnuplot.hpp) does.
void draw_curves(const TrainingCurves& curves, const std::string& path);

}  // namespace fluxsbi::report
