#include "engine/tile/kernels.hpp"

#include <cstdlib>
#include <span>
#include <string_view>

#ifdef FLUXSBI_AMX_KERNELS
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace fluxsbi::engine::tile {

extern const Kernels portable_kernels;
#ifdef FLUXSBI_X86_KERNELS
extern const Kernels avx2_kernels, avx512_kernels;
#endif
#ifdef FLUXSBI_AMX_KERNELS
extern const ProductKernels amx_bfloat16, amx_bfloat16x3;
#endif

namespace {

#ifdef FLUXSBI_AMX_KERNELS
// Linux gives a process the registers of matrix tiles when it asks for them.
bool may_use_tiles() {
#ifdef __linux__
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
#else
  return false;
#endif
}

// Bits of the processor's leaf 7: AVX512-BW, AMX-BF16 and AMX-TILE; AVX512-BF16 of its second part.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 30 & 1U) || !(d >> 22 & 1U) || !(d >> 24 & 1U))
    return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1U) && may_use_tiles();
}

const Kernels& amx_kernels() {
  static const Kernels kernels = [] {
    Kernels with_tiles = avx512_kernels;
    with_tiles.name = "amx";
    with_tiles.bfloat16 = amx_bfloat16;
    with_tiles.bfloat16x3 = amx_bfloat16x3;
    return with_tiles;
  }();
  return kernels;
}
#endif

bool runs(const Kernels& kernels) {
#ifdef FLUXSBI_X86_KERNELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (&kernels == &avx2_kernels) return avx2;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
  if (&kernels == &avx512_kernels) return avx512;
#endif
#ifdef FLUXSBI_AMX_KERNELS
  if (&kernels == &amx_kernels()) return avx512 && has_tiles();
#endif
  return &kernels == &portable_kernels;
}

std::span<const Kernels* const> widest_first() {
  static const Kernels* const tables[] = {
#ifdef FLUXSBI_AMX_KERNELS
      &amx_kernels(),
#endif
#ifdef FLUXSBI_X86_KERNELS
      &avx512_kernels, &avx2_kernels,
#endif
      &portable_kernels};
  return tables;
}

const Kernels& choose() {
  const char* wanted = std::getenv("FLUXSBI_KERNELS");
  if (const Kernels* named = wanted ? kernels_named(wanted) : nullptr) return *named;
  for (const Kernels* kernels : widest_first())
    if (runs(*kernels)) return *kernels;
  return portable_kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

const Kernels* kernels_named(const char* name) {
  for (const Kernels* kernels : widest_first())
    if (std::string_view(kernels->name) == name && runs(*kernels)) return kernels;
  return nullptr;
}

}  // namespace fluxsbi::engine::tile
