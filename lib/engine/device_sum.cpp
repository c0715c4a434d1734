#include "engine/device_sum.hpp"

#include <string>
#include <vector>

#include "core/log.hpp"
#include "engine/plugin.hpp"

namespace fluxsbi::engine {

namespace {

// Says why the sums go by the host's memory, if a rank has said something.
bool any_problem(distributed::Communicator& ranks, const std::string& own) {
  const std::vector<std::string> all = ranks.gather(own);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].empty()) continue;
    core::log::info("gradients are added up by way of the host's memory: " +
                    ranks.name_of(static_cast<int>(rank)) + " " + all[rank]);
    return true;
  }
  return false;
}

}  // namespace

std::unique_ptr<DeviceSum> make_device_sum(distributed::Communicator& ranks, c10::Device device) {
  if (ranks.alone()) return nullptr;
  // Together, because ranks may compute on devices of different kinds.
  bool any_gpu = false;
  for (const uint64_t on_gpu : ranks.gather(uint64_t{!device.is_cpu()})) any_gpu |= on_gpu != 0;
  if (!any_gpu) return nullptr;
  const CudaPlugin* plugin = device.is_cpu() ? nullptr : cuda_plugin();
  std::string id = plugin ? plugin->new_sum_id() : "";
  if (any_problem(ranks, !id.empty() ? "" : plugin ? "finds no NCCL (libnccl.so.2)" : "computes on a CPU"))
    return nullptr;
  id = ranks.broadcast(id);
  std::string problem;
  auto sum = plugin->make_device_sum(device.index(), ranks.rank(), ranks.size(), id, &problem);
  if (any_problem(ranks, problem)) return nullptr;
  core::log::info("gradients are added up by NCCL between the GPUs");
  return sum;
}

}  // namespace fluxsbi::engine
