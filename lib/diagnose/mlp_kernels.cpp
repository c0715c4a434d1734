#include "diagnose/mlp_kernels.hpp"

#include "diagnose/mlp_kernels_impl.hpp"

namespace fluxsbi::diagnose {

#ifdef FLUXSBI_AVX2_KERNELS
extern const MlpKernels avx2_mlp_kernels;
#endif

const MlpKernels& portable_mlp_kernels() {
  static constexpr MlpKernels kernels = {"portable", multiply, mask, adam, sum_of_squares};
  return kernels;
}

const MlpKernels& mlp_kernels() {
#ifdef FLUXSBI_AVX2_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_mlp_kernels;
#endif
  return portable_mlp_kernels();
}

}  // namespace fluxsbi::diagnose
