#include "model/ops/kernels.hpp"

#include <cstdlib>
#include <string_view>

namespace fluxsbi::model::ops {

namespace {

// The widest of the tables that the processor has; FLUXSBI_KERNELS may ask for a narrower one.
const Kernels& choose() {
  const char* named = std::getenv("FLUXSBI_KERNELS");
  const std::string_view wanted = named ? named : "";
#ifdef FLUXSBI_X86_KERNELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
  if (avx512 && wanted != portable_kernels.name && wanted != avx2_kernels.name) return avx512_kernels;
  if (avx2 && wanted != portable_kernels.name) return avx2_kernels;
#endif
  return portable_kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace fluxsbi::model::ops
