// Compiled with -mavx512f -mavx2 -mfma (lib/engine/tile/CMakeLists.txt): see simd.hpp for what that asks of
// the code.
#include "engine/tile/kernels/table.inl"

namespace fluxsbi::engine::tile {

extern const Kernels avx512_kernels;
constinit const Kernels avx512_kernels = table("avx512");

}  // namespace fluxsbi::engine::tile
