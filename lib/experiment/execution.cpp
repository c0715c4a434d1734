#include "experiment/execution.hpp"

#include <iterator>

#include <ATen/Parallel.h>

#include "core/launcher.hpp"
#include "core/system.hpp"
#include "engine/device.hpp"

namespace fluxsbi::experiment {

std::string device_of_process(const std::string& device) {
  const auto launch = core::launch_from_environment();
  const bool open = device == "auto" || device == "cuda";
  if (!launch || !open || engine::choose_device(device).device.is_cpu()) return device;
  const auto gpus = std::ssize(engine::choose_devices("cuda:all"));
  return "cuda:" + std::to_string(launch->local_rank % gpus);
}

void use_all_threads() {
  at::set_num_threads(core::usable_threads());
}

}  // namespace fluxsbi::experiment
