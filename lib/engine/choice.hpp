// Which engine evaluates a network, and in which number type. Decided here once, with the reason for the log.
#pragma once

#include <memory>
#include <string>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "engine/engine.hpp"

namespace fluxsbi::engine {

struct Compute {
  at::ScalarType type = at::kFloat;  ///< kFloat or kBFloat16
  std::string reason;                ///< a sentence for the log
};

/// `compute`: training.compute (auto, float32, bfloat16); `stored`: the type of the model's parameters
/// (model.param_dtype). auto takes bfloat16 where the parameters may be stored so and `hardware` multiplies
/// it, float32 elsewhere. The master weights, moments and averages are float32 either way.
Compute choose_compute(const std::string& compute, at::ScalarType stored, at::Device device, bool hardware);

struct EngineChoice {
  std::unique_ptr<Engine> engine;
  std::string sentence;  ///< which one and why, for the log: "engine: reference (as asked for)"
};

/// An engine for the network on this device. `request`: "auto" (tile where it covers the network, else
/// reference), "reference" or "tile". Throws UserError for anything else, and where the tile engine is asked
/// for and does not cover the network (says what it does not cover).
EngineChoice choose_engine(std::shared_ptr<model::Network> network, at::ScalarType compute, at::Device device,
                           const std::string& request = "auto");

/// The engine of choose_engine alone.
std::unique_ptr<Engine> make_engine(std::shared_ptr<model::Network> network, at::ScalarType compute,
                                    at::Device device, const std::string& request = "auto");

/// What `auto` does on this machine, a sentence.
std::string default_engine_sentence();

}  // namespace fluxsbi::engine
