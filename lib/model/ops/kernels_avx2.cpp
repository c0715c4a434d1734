// Compiled with -mavx2 -mfma (lib/model/ops/CMakeLists.txt): see simd.hpp for what that asks of the code.
#include "model/ops/kernel_table.inl"

namespace fluxsbi::model::ops {

constinit const Kernels avx2_kernels = table("avx2");

}  // namespace fluxsbi::model::ops
