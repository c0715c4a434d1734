// Products of bfloat16 numbers by AVX512-BF16. Compiled with -mavx512f -mavx512bw -mavx512bf16 -mavx2 -mfma
// (lib/engine/tile/CMakeLists.txt): see simd.hpp for what that asks of the code.
#include "engine/tile/kernels/pair_products.inl"

namespace fluxsbi::engine::tile {

extern const ProductKernels avx512bf16_bfloat16;
constinit const ProductKernels avx512bf16_bfloat16 = {.layout = Layout::paired_panels,
                                                      .factors = Rounding::bfloat16,
                                                      .gradient_factors = Rounding::bfloat16,
                                                      .product = paired_product_kernel,
                                                      .weight_gradient = paired_weight_gradient_kernel,
                                                      .pair_panels = pair_panels_kernel};

}  // namespace fluxsbi::engine::tile
