// Generators of the pretend device: LibTorch's CPU generator under the device's rules, so that the same seed
// gives the same numbers as on the CPU.
#pragma once

#include <ATen/core/Generator.h>

namespace fluxsbi::pretend {

at::Generator new_generator(c10::DeviceIndex device);
const at::Generator& default_generator(c10::DeviceIndex device);
bool is_default(const at::Generator& generator);

/// The CPU generator behind it. Throws c10::Error for a generator that is not the device's.
at::Generator inner_generator(const at::Generator& generator);

}  // namespace fluxsbi::pretend
