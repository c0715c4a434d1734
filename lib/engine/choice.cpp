#include "engine/choice.hpp"

#include <algorithm>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "engine/device.hpp"
#include "engine/lowering/lowering.hpp"
#include "engine/tile/kernels.hpp"

namespace fluxsbi::engine {

namespace {

// What keeps the tile engine from this network, for a sentence that begins "the tile engine does not cover ";
// "" if nothing does.
std::string not_in_tiles(const model::Network& network, at::Device device) {
  if (!device.is_cpu()) return "GPUs";
  return lowering::traits_of(network.main()) ? "" : "this kind of network";
}

std::string tile_sentence(tile::Rounding products) {
  const tile::Kernels& kernels = tile::kernels();
  const std::string instructions = kernels.instructions;
  std::string sentence = "engine: tile (" + instructions + " kernels" +
                         (instructions == "portable" ? ", slower: without AVX2" : "");
  const tile::ProductKernels& table = kernels.products(products);
  if (table.factors != tile::Rounding::none) {
    sentence +=
        table.factors == tile::Rounding::bfloat16 ? ", products in bfloat16" : ", products in bfloat16x3";
  } else if (table.gradient_factors != tile::Rounding::none) {
    sentence += ", gradients of parameters by products in bfloat16";
  }
  const bool rounds = table.gradient_factors != tile::Rounding::none;
  const std::string by = rounds ? kernels.rounded_by : "";
  return sentence + (by.empty() ? ")" : " by " + by + ")");
}

// The reference engine as it runs there: by the device's own kernels between the matrix products, or plainly.
EngineChoice reference_choice(std::shared_ptr<model::Network> network, at::ScalarType compute,
                              at::Device device, bool asked_for, const std::string& missing) {
  const std::string reason = asked_for ? "as asked for" : "the tile engine does not cover " + missing;
  // Who asks for the reference engine asks for what defines the results.
  const DeviceKernels* kernels = asked_for ? nullptr : device_kernels(device);
  std::string by;
  if (kernels) {
    by = ", own kernels between matrix products and for the optimiser";
  } else if (!device.is_cpu()) {
    by = std::string(", LibTorch's kernels alone") +
         (asked_for ? "" : ": the device runs no own ones (GPUs do from compute capability 8.0 on)");
  }
  return {make_reference_engine(std::move(network), compute, device, kernels),
          "engine: reference (" + reason + ")" + by};
}

}  // namespace

Compute choose_compute(const std::string& compute, at::ScalarType stored, at::Device device,
                       FastProducts fast) {
  const std::vector<std::string> known{"auto", "float32", "bfloat16", "bfloat16x3"};
  if (std::find(known.begin(), known.end(), compute) == known.end()) {
    throw core::UserError("--compute " + compute + ": no type of numbers that a network is computed in" +
                          core::did_you_mean(compute, known));
  }
  const std::string where = device.is_cpu() ? "this processor" : "this GPU";
  const auto by = [](Compute chosen, const std::string& reason) {
    chosen.reason = "computing in " + reason;
    return chosen;
  };
  Compute split(at::kFloat);
  split.products = tile::Rounding::bfloat16x3;
  const bool hardware = fast != FastProducts::none;
  const std::string lacks = device.is_cpu() ? "the " + std::string(tile::kernels().name) +
                                                  " kernels multiply no bfloat16 numbers faster"
                                            : "this GPU does not multiply bfloat16 numbers itself";
  if (compute == "float32") return by(at::kFloat, "float32 (training.compute)");
  if (compute == "bfloat16") {
    return by(at::kBFloat16, "bfloat16 (training.compute)" +
                                 (hardware ? "" : "; " + lacks + ", so float32 would be faster"));
  }
  if (compute == "bfloat16x3") {
    if (!device.is_cpu() || !hardware)
      return by(at::kFloat, "float32: bfloat16x3 (training.compute) takes a processor with AMX, which " +
                                where + " is not");
    if (fast == FastProducts::bfloat16x3)
      return by(split, "float32, products in bfloat16x3 (training.compute)");
    return by(split, "float32, gradients of parameters by products in bfloat16: products in bfloat16x3 " +
                         ("(training.compute) take a processor with AMX; on " + where) +
                         " they are slower than float32");
  }
  if (device.is_cpu() && fast == FastProducts::bfloat16x3)
    return by(split, "float32, products in bfloat16x3, which " + where + " multiplies faster");
  if (device.is_cpu() && hardware)
    return by(split, "float32, gradients of parameters by products in bfloat16, which " + where +
                         " multiplies faster");
  if (device.is_cpu()) return by(at::kFloat, "float32: " + lacks);
  if (stored != at::kBFloat16) return by(at::kFloat, "float32 (model.param_dtype)");
  if (!hardware) return by(at::kFloat, "float32: " + lacks);
  return by(at::kBFloat16,
            "bfloat16, which " + where + " multiplies itself; the weights are kept in float32");
}

EngineChoice choose_engine(std::shared_ptr<model::Network> network, const Compute& compute, at::Device device,
                           const std::string& request) {
  const std::vector<std::string> known{"auto", "reference", "tile"};
  if (std::find(known.begin(), known.end(), request) == known.end()) {
    throw core::UserError("--engine " + request + ": must be auto, reference or tile" +
                          core::did_you_mean(request, known));
  }
  const std::string missing = not_in_tiles(*network, device);
  if (request == "tile" && !missing.empty()) {
    throw core::UserError("--engine tile: the tile engine does not cover " + missing +
                          "; use --engine auto, which takes the reference engine there");
  }
  if (request != "reference" && missing.empty()) {
    return {make_tile_engine(std::move(network), compute.products), tile_sentence(compute.products)};
  }
  return reference_choice(std::move(network), compute.type, device, request == "reference", missing);
}

std::unique_ptr<Engine> make_engine(std::shared_ptr<model::Network> network, const Compute& compute,
                                    at::Device device, const std::string& request) {
  return choose_engine(std::move(network), compute, device, request).engine;
}

std::string default_engine_sentence() {
  return "auto: tile (" + std::string(tile::kernels().name) + " kernels) on the CPU, reference on GPUs";
}

std::string default_compute_sentence() {
  const at::Device cpu(at::kCPU);
  const Compute training = choose_compute("auto", at::kBFloat16, cpu, fast_products(cpu));
  return "training on the CPU by auto: " + training.reason + "; draws and densities: float32 (--compute)";
}

}  // namespace fluxsbi::engine
