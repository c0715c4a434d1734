// Compiled for any processor.
#include "engine/tile/kernels/table.inl"

namespace fluxsbi::engine::tile {

extern const Kernels portable_kernels;
constinit const Kernels portable_kernels = table("portable");

}  // namespace fluxsbi::engine::tile
