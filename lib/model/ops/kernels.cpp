#include "model/ops/kernels.hpp"

namespace fluxsbi::model::ops {

namespace {

const Kernels& widest() {
#ifdef FLUXSBI_X86_KERNELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f")) return avx512_kernels;
  if (avx2) return avx2_kernels;
#endif
  return portable_kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = widest();
  return chosen;
}

}  // namespace fluxsbi::model::ops
