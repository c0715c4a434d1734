#include "engine/tile/kernels.hpp"

#include <cstdlib>
#include <string_view>

namespace fluxsbi::engine::tile {

extern const Kernels portable_kernels;
#ifdef FLUXSBI_X86_KERNELS
extern const Kernels avx2_kernels, avx512_kernels;
#endif

namespace {

bool runs(const Kernels& kernels) {
#ifdef FLUXSBI_X86_KERNELS
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (&kernels == &avx2_kernels) return avx2;
  if (&kernels == &avx512_kernels) return avx2 && __builtin_cpu_supports("avx512f");
#endif
  return &kernels == &portable_kernels;
}

constexpr const Kernels* widest_first[] = {
#ifdef FLUXSBI_X86_KERNELS
    &avx512_kernels, &avx2_kernels,
#endif
    &portable_kernels};

const Kernels& choose() {
  const char* wanted = std::getenv("FLUXSBI_KERNELS");
  if (const Kernels* named = wanted ? kernels_named(wanted) : nullptr) return *named;
  for (const Kernels* kernels : widest_first)
    if (runs(*kernels)) return *kernels;
  return portable_kernels;
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

const Kernels* kernels_named(const char* name) {
  for (const Kernels* kernels : widest_first)
    if (std::string_view(kernels->name) == name && runs(*kernels)) return kernels;
  return nullptr;
}

}  // namespace fluxsbi::engine::tile
