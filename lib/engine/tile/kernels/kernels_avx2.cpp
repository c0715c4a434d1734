// Compiled with -mavx2 -mfma (lib/engine/tile/CMakeLists.txt): see simd.hpp for what that asks of the code.
#include "engine/tile/kernels/table.inl"

namespace fluxsbi::engine::tile {

extern const Kernels avx2_kernels;
constinit const Kernels avx2_kernels = table("avx2");

}  // namespace fluxsbi::engine::tile
