// In which number type the network is evaluated.
#pragma once

#include <string>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace fluxsbi::train {

struct Compute {
  at::ScalarType type = at::kFloat;  ///< kFloat or kBFloat16
  std::string reason;                ///< a sentence for the log
};

/// True where the device multiplies bfloat16 numbers itself: CUDA sm_80 and later (needs the CUDA half of
/// LibTorch), CPUs with AVX512-BF16 or AMX.
bool multiplies_bfloat16(at::Device device);

/// `compute`: training.compute (auto, float32, bfloat16); `param_dtype`: the model's (bfloat16, float32).
/// auto takes bfloat16 where the model's parameters may be stored so and `hardware` multiplies it, float32
/// elsewhere. The master weights, moments and averages are float32 either way.
Compute choose_compute(const std::string& compute, const std::string& param_dtype, at::Device device,
                       bool hardware);

}  // namespace fluxsbi::train
