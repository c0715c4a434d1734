#include "engine/tile/kernels.hpp"

#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"

#ifdef FLUXSBI_AVX512BF16_KERNELS
#include <cpuid.h>
#endif
#if defined(FLUXSBI_AMX_KERNELS) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fluxsbi::engine::tile {

extern const Kernels portable_kernels;
#ifdef FLUXSBI_X86_KERNELS
extern const Kernels avx2_kernels, avx512_kernels;
#endif
#ifdef FLUXSBI_AVX512BF16_KERNELS
extern const ProductKernels avx512bf16_bfloat16;
#endif
#ifdef FLUXSBI_AMX_KERNELS
extern const ProductKernels amx_bfloat16, amx_bfloat16x3;
#endif

namespace {

#ifdef FLUXSBI_AVX512BF16_KERNELS
// Bits of the processor's leaf 7: AVX512-BW, and AVX512-BF16 of its second part.
bool has_pairs() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 30 & 1U)) return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1U);
}

Kernels with_rounded_products(const char* name, const char* by, const ProductKernels& bfloat16,
                              const ProductKernels& bfloat16x3) {
  Kernels kernels = avx512_kernels;
  kernels.name = name;
  kernels.rounded_by = by;
  kernels.bfloat16 = bfloat16;
  kernels.bfloat16x3 = bfloat16x3;
  return kernels;
}

const Kernels& avx512bf16_kernels() {
  // An instruction does the work of two float32 ones: three products in place of one would take half as long
  // again. Of bfloat16x3 gradients alone are rounded.
  static const Kernels kernels = [] {
    ProductKernels bfloat16x3 = avx512_kernels.exact;
    bfloat16x3.gradient_factors = avx512bf16_bfloat16.gradient_factors;
    bfloat16x3.weight_gradient = avx512bf16_bfloat16.weight_gradient;
    return with_rounded_products("avx512bf16", "AVX512-BF16", avx512bf16_bfloat16, bfloat16x3);
  }();
  return kernels;
}
#endif

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

// Bits of the processor's leaf 7: AMX-BF16 and AMX-TILE.
bool has_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1U) || !(d >> 24 & 1U)) return false;
  return has_pairs() && may_use_tiles();
}

const Kernels& amx_kernels() {
  static const Kernels kernels = with_rounded_products("amx", "AMX", amx_bfloat16, amx_bfloat16x3);
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
#ifdef FLUXSBI_AVX512BF16_KERNELS
  if (&kernels == &avx512bf16_kernels()) return avx512 && has_pairs();
#endif
#ifdef FLUXSBI_AMX_KERNELS
  if (&kernels == &amx_kernels()) return avx512 && has_tiles();
#endif
  return &kernels == &portable_kernels;
}

// Whether the table is faster than the next one. Processors of Intel execute half as many instructions of
// AVX512-BF16 as of float32 multiplications, so that nothing is gained there.
bool gains([[maybe_unused]] const Kernels& kernels) {
#ifdef FLUXSBI_AVX512BF16_KERNELS
  if (&kernels == &avx512bf16_kernels()) return __builtin_cpu_is("amd");
#endif
  return true;
}

std::span<const Kernels* const> widest_first() {
  static const Kernels* const tables[] = {
#ifdef FLUXSBI_AMX_KERNELS
      &amx_kernels(),
#endif
#ifdef FLUXSBI_AVX512BF16_KERNELS
      &avx512bf16_kernels(),
#endif
#ifdef FLUXSBI_X86_KERNELS
      &avx512_kernels, &avx2_kernels,
#endif
      &portable_kernels};
  return tables;
}

const Kernels& choose() {
  if (const char* wanted = std::getenv("FLUXSBI_KERNELS")) {
    if (const Kernels* named = kernels_named(wanted)) return *named;
    std::string names;
    for (const Kernels* kernels : widest_first())
      if (runs(*kernels)) names += (names.empty() ? "" : ", ") + std::string(kernels->name);
    throw core::UserError("FLUXSBI_KERNELS=" + std::string(wanted) +
                          ": this processor or build has no such kernels; it has " + names);
  }
  for (const Kernels* kernels : widest_first())
    if (runs(*kernels) && gains(*kernels)) return *kernels;
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
