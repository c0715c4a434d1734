// Products of bfloat16 numbers by the matrix tiles of AMX. Compiled with -mavx512f -mavx512bw -mavx512bf16
// -mavx2 -mfma (lib/engine/tile/CMakeLists.txt): see simd.hpp for what that asks of the code.
#include "engine/tile/kernels/amx_product.inl"
#include "engine/tile/kernels/amx_weight_gradient.inl"
#include "engine/tile/kernels/amx_weights.inl"

namespace fluxsbi::engine::tile {

extern const ProductKernels amx_bfloat16, amx_bfloat16x3;

namespace {

template <int parts>
constexpr ProductKernels amx_table = {.layout = Layout::tiles,
                                      .factors = parts == 1 ? Rounding::bfloat16 : Rounding::bfloat16x3,
                                      .gradient_factors = Rounding::bfloat16,
                                      .product = product_kernel<parts>,
                                      .weight_gradient = weight_gradient_kernel,
                                      .pack_tiles = pack_tiles_kernel<parts>,
                                      .pack_transposed_tiles = pack_transposed_tiles_kernel<parts>};

}  // namespace

constinit const ProductKernels amx_bfloat16 = amx_table<1>;
constinit const ProductKernels amx_bfloat16x3 = amx_table<2>;

}  // namespace fluxsbi::engine::tile
