// Compiled for any processor.
#include "model/ops/kernel_table.inl"

namespace fluxsbi::model::ops {

constinit const Kernels portable_kernels = table("portable");

}  // namespace fluxsbi::model::ops
