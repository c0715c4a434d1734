// One optimiser step as a function of tensors that never change their shape or place.
#pragma once

#include <memory>

#include <ATen/core/Generator.h>

#include "engine/engine.hpp"
#include "engine/step_runner.hpp"
#include "method/method.hpp"
#include "train/optimiser.hpp"
#include "train/rank_part.hpp"
#include "train/rows.hpp"
#include "train/trainer.hpp"

namespace fluxsbi::train {

/// A generator of random tensors on a device.
at::Generator make_generator(at::Device device);
/// Room for the noise of [leading..., rows of `data`].
method::Noise empty_noise(const TrainingData& data, const std::vector<int64_t>& leading, at::Device device);
/// Refills `noise` with the numbers that belong to `seed`; all but normal lie in (0, 1).
void draw_noise(const method::Noise& noise, at::Generator& generator, uint64_t seed);
/// The regression of clean rows under this noise: with the condition mask, the noise of x, the missing values
/// and the dropped conditions that it draws. `batch` is left with what its rows then are.
engine::Regression regression_of(const method::Method& method, const TrainingData& data, method::Batch& batch,
                                 const method::Noise& noise);

class TrainingStep {
 public:
  /// All references must outlive the step.
  TrainingStep(engine::Engine& engine, const method::Method& method, const TrainingData& data,
               Optimiser& optimiser, const TrainingOptions& options);

  /// Does step `step` (counted from 0) with learning rate `rate`: rows, noise and condition masks are
  /// functions of (seed, step). Waits for nothing.
  void run(engine::StepRunner& runner, int64_t step, double rate);
  /// The two halves of run(): what the step reads is made ready (throws UserError where rows cannot be read,
  /// and has changed nothing then); the step is done. Where core::Interrupted ends the second half, weights,
  /// average and moments are those of the step before.
  void prepare(int64_t step, double rate);
  void take(engine::StepRunner& runner);
  /// take() of one of several ranks, of which each says how it is. Where one has failed none does the step.
  RanksState take(engine::StepRunner& runner, const RankState& own);

  /// After take() has thrown c10::OutOfMemoryError: the largest part of a batch, halved again and again, of
  /// which the device's memory holds the gradient; 0: not one row's. The step is good for nothing else then.
  int64_t fitting_rows();

  /// Sums on the device since they were last set to zero: of the loss and the gradient norm since the last
  /// report, of the loss in the schedule's window.
  at::Tensor loss_sum, norm_sum, window_sum;  ///< scalars, float32

  /// Over how many steps the noise on x falls: training.nsteps, unless a run was made longer.
  int64_t x_noise_steps;

  /// Where the levels of the rows come from; null: the method makes them. Must outlive the step.
  const method::LevelTable* levels = nullptr;

  /// The first step (counted from 1) whose loss or gradient was not finite, or 0. Waits for the device.
  int64_t first_bad_step() const;

 private:
  void accumulate();
  void update();
  at::Tensor micro_batch(int64_t index);
  method::Noise noise_of(int64_t index, const engine::Part& rows) const;

  engine::Engine& engine_;
  const method::Method& method_;
  const TrainingData& data_;
  Optimiser& optimiser_;
  const TrainingOptions& options_;
  int64_t batch_size_, multistep_;
  distributed::Communicator& ranks_;
  engine::Part part_;  ///< this rank's rows of a micro-batch
  bool divides_late_;  ///< the feed loads all rows, and the regression is divided
  std::unique_ptr<engine::StepRunner> update_runner_;  ///< of several ranks
  std::unique_ptr<engine::DeviceSum> device_sum_;      ///< of several ranks on GPUs
  uint64_t seed_;
  std::unique_ptr<BatchFeed> feed_;
  at::Generator generator_;

  at::Tensor step_number_;  ///< scalar int64, counted from 1
  at::Tensor first_bad_;    ///< scalar int64, or none_bad
  method::Noise noise_;     ///< normal [multistep, B, L, C], uniform [multistep, B], the others likewise
  method::Batch batch_;     ///< rows of the micro-batch at hand
  at::Tensor step_loss_;    ///< scalar, mean over the micro-batches; of several ranks first this one's share
};

}  // namespace fluxsbi::train
