#include "experiment/execution.hpp"

#include <ATen/Parallel.h>

#include "core/system.hpp"

namespace fluxsbi::experiment {

void use_all_threads() {
  at::set_num_threads(core::usable_threads());
}

}  // namespace fluxsbi::experiment
