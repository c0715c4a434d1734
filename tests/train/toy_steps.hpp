// Training steps of the toy network, one at a time.
#pragma once

#include <memory>
#include <utility>

#include "train/optimiser.hpp"
#include "train/toy_training.hpp"
#include "train/training_step.hpp"

namespace fluxsbi::test {

struct ToySteps {
  /// Steps of `setup` on its engine, with the method and the engine that the test watches; they must outlive
  /// it.
  ToySteps(train::TrainingSetup& setup, const train::TrainingOptions& training, engine::Engine& engine,
           const method::Method& method)
      : optimiser(engine.parameters(), setup.ema_engine->parameters().master, setup.optimizer, 0.9),
        step(engine, method, setup.data, optimiser, training),
        direct(engine::make_direct_runner()) {}
  void take(int64_t number) { step.run(*direct, number, 1e-3); }

  train::Optimiser optimiser;
  train::TrainingStep step;
  std::unique_ptr<engine::StepRunner> direct;
};

}  // namespace fluxsbi::test
