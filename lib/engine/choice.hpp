// Which engine evaluates a network, and in which number type. Decided here once, with the reason for the log.
#pragma once

#include <memory>
#include <string>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include "engine/device.hpp"
#include "engine/engine.hpp"
#include "engine/tile/kernels.hpp"

namespace fluxsbi::engine {

struct Compute {
  Compute() = default;
  /// kBFloat16: products are rounded so, too.
  Compute(at::ScalarType type)  // NOLINT: a type says how to compute
      : type(type), products(type == at::kBFloat16 ? tile::Rounding::bfloat16 : tile::Rounding::none) {}

  at::ScalarType type = at::kFloat;                ///< kFloat or kBFloat16, of the reference engine
  tile::Rounding products = tile::Rounding::none;  ///< of the tile engine
  std::string reason;                              ///< a sentence for the log
};

/// `compute`: training.compute or --compute (auto, float32, bfloat16, bfloat16x3; UserError for another);
/// `stored`: the type of the model's parameters (model.param_dtype); `fast`: engine::fast_products(device).
/// auto takes bfloat16x3 on a CPU that gains by it, bfloat16 on a GPU that multiplies it where the parameters
/// may be stored so, and float32 elsewhere. bfloat16x3 is float32 where nothing is gained, and on a CPU that
/// gains by bfloat16 alone float32 with gradients by products in bfloat16. The master weights, moments and
/// averages are float32 in any case.
Compute choose_compute(const std::string& compute, at::ScalarType stored, at::Device device,
                       FastProducts fast);

struct EngineChoice {
  std::unique_ptr<Engine> engine;
  std::string sentence;  ///< which one and why, for the log: "engine: reference (as asked for)"
};

/// An engine for the network on this device. `request`: "auto" (tile where it covers the network, else
/// reference), "reference" or "tile". Throws UserError for anything else, and where the tile engine is asked
/// for and does not cover the network (says what it does not cover).
EngineChoice choose_engine(std::shared_ptr<model::Network> network, const Compute& compute, at::Device device,
                           const std::string& request = "auto");

/// The engine of choose_engine alone.
std::unique_ptr<Engine> make_engine(std::shared_ptr<model::Network> network, const Compute& compute,
                                    at::Device device, const std::string& request = "auto");

/// What `auto` does on this machine, a sentence.
std::string default_engine_sentence();

/// What `auto` computes in on this machine's CPU, a sentence.
std::string default_compute_sentence();

}  // namespace fluxsbi::engine
