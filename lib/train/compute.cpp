#include "train/compute.hpp"

#include <ATen/Context.h>

#include "core/system.hpp"

namespace fluxsbi::train {

bool multiplies_bfloat16(at::Device device) {
  if (device.is_cpu()) return core::cpu_has_bfloat16();
  // The one question about compute capability >= 8 that LibTorch answers without its CUDA headers.
  return device.is_cuda() && at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

Compute choose_compute(const std::string& compute, const std::string& param_dtype, at::Device device,
                       bool hardware) {
  const std::string where = device.is_cpu() ? "this processor" : "this GPU";
  if (compute == "float32") return {at::kFloat, "computing in float32 (training.compute)"};
  if (compute == "bfloat16") {
    return {at::kBFloat16,
            "computing in bfloat16 (training.compute)" +
                (hardware ? "" : "; " + where + " does not multiply it itself, so float32 would be faster")};
  }
  if (param_dtype != "bfloat16") return {at::kFloat, "computing in float32 (model.param_dtype)"};
  if (!hardware)
    return {at::kFloat, "computing in float32: " + where + " does not multiply bfloat16 numbers itself"};
  return {at::kBFloat16,
          "computing in bfloat16, which " + where + " multiplies itself; the weights are kept in float32"};
}

}  // namespace fluxsbi::train
