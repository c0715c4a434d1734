// Compiled with -mavx2 -mfma (CMakeLists.txt); called only where the processor has both.
#include "diagnose/mlp_kernels_impl.hpp"

namespace fluxsbi::diagnose {

extern const MlpKernels avx2_mlp_kernels;
const MlpKernels avx2_mlp_kernels = {"AVX2", multiply, mask, adam, sum_of_squares};

}  // namespace fluxsbi::diagnose
