// The loss of the averaged weights over the whole validation split.
#pragma once

#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "method/method.hpp"
#include "train/rank_part.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::train {

/// Noise and condition masks are drawn once, keyed by (seed, chunk), so that two losses differ by the weights
/// alone. So are noise levels: where training learns them, they lie evenly over the whole range, whatever
/// training draws, so that the yardstick stands still while its levels move. Where they are fixed, each row
/// has one that is drawn as in training; with `evaluations` they are that distribution's evenly spaced
/// quantiles.
class Validation {
 public:
  /// `engine` holds the averaged weights. All references must outlive the validation. `evaluations`
  /// (TrainingOptions::validation_evaluations): at least so many, each row as often as the others.
  Validation(engine::Engine& engine, const method::Method& method, const TrainingData& data, uint64_t seed,
             std::optional<int64_t> evaluations = {});

  /// Mean of the rows' losses. Publishes the engine's master weights first; waits for the device. Where
  /// levels are learned a row's loss is its (D - x1)^2 / s^2 (method::Method::information_weight), the mean
  /// over levels spread evenly in lambda: times range and dimensions, its excess over the best possible one
  /// bounds the Kullback-Leibler divergence from the posterior to the model, with any method.
  double loss();
  /// The loss of each row [n] in the last loss(), whose mean that is.
  const at::Tensor& rows() const { return rows_; }
  /// Where levels are learned: the means of G in the bins of the level [level_bins], in the last loss().
  const std::vector<double>& information() const { return information_; }

 private:
  struct Chunk {
    engine::Part regressed;  ///< rows whose regression is made
    engine::Part evaluated;  ///< those of them whose losses this rank computes: all, where it is the only one
  };
  template <class Work>
  void over_chunks(const Work& work) const;
  void spread_levels(const method::LevelRange& range);
  at::Tensor even_places() const;
  /// The losses' terms [evaluated, L, C] of the evaluation of the rows whose noise begins at `begin`.
  at::Tensor losses_of(const Chunk& chunk, int64_t begin);
  double method_loss();
  double information_loss();

  engine::Engine& engine_;
  const method::Method& method_;
  const TrainingData& data_;
  engine::Part part_;  ///< of the rows: all, or this rank's
  at::Tensor rows_;
  int64_t repeats_ = 1;  ///< how often a row is evaluated, each time with other noise
  /// normal [repeats n, L, C], uniform [repeats n], mask [repeats n, numbers], drop [repeats n], missing,
  /// level
  method::Noise noise_;
  at::Tensor bins_;  ///< [repeats n] int64 on the CPU: the bins of noise_.level
  std::vector<double> information_;
};

}  // namespace fluxsbi::train
