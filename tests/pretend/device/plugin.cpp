// The pretend device as a plug-in of the program (engine/plugin.hpp), which FLUXSBI_DEVICE_PLUGIN names.
#include "engine/plugin.hpp"

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include "pretend/device/memory.hpp"
#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace {

// As the CUDA plug-in: a few calls, a capture, then replays. What cannot be captured is an error here.
class Runner final : public engine::StepRunner {
 public:
  explicit Runner(int device) : device_(pretend::device(device)) {}

  void run(const std::function<void()>& step) override {
    constexpr int warm_up_calls = 3;
    const c10::DeviceGuard on_device(device_);
    if (graph_) return graph_->replay();
    if (calls_++ < warm_up_calls) {
      sizes_ = allocations_of(step);
      return;
    }
    auto graph = std::make_unique<Graph>();
    graph->capture(step, &sizes_);
    graph_ = std::move(graph);
  }

 private:
  at::Device device_;
  int calls_ = 0;
  std::vector<size_t> sizes_;  // allocations of the last call
  std::unique_ptr<Graph> graph_;
};

// What FLUXSBI_PRETEND says of this machine, entries divided by commas: devices=N (2 where it says nothing);
// old_driver; old_gpu; lost_after=N operators of a device, of all or of lost_device=I alone.
struct Machine {
  int devices = 2;
  bool old_driver = false, old_gpu = false;
  int64_t lost_after = 0;
  int lost_device = -1;

  static Machine described() {
    Machine machine;
    const char* const text = std::getenv("FLUXSBI_PRETEND");
    std::istringstream entries(text ? text : "");
    for (std::string entry; std::getline(entries, entry, ',');) machine.take(entry);
    return machine;
  }

 private:
  void take(const std::string& entry) {
    const size_t sign = entry.find('=');
    const std::string name = entry.substr(0, sign);
    const auto number = [&] { return std::stoi(entry.substr(sign + 1)); };
    if (name == "old_driver") {
      old_driver = true;
    } else if (name == "old_gpu") {
      old_gpu = true;
    } else if (name == "devices") {
      devices = number();
    } else if (name == "lost_after") {
      lost_after = number();
    } else if (name == "lost_device") {
      lost_device = number();
    } else {
      TORCH_CHECK(false, "pretend device: FLUXSBI_PRETEND says ", entry);
    }
    TORCH_CHECK(devices >= 0 && devices <= pretend::device_count, "pretend device: there are ",
                pretend::device_count, " devices at most");
  }
};

class Plugin final : public engine::CudaPlugin {
 public:
  Plugin() {
    for (int i = 0; i < machine_.devices; ++i) {
      if (machine_.lost_device < 0 || machine_.lost_device == i) lose_after(machine_.lost_after, i);
    }
  }
  int device_count() const override { return machine_.old_driver ? 0 : machine_.devices; }
  int driver_version() const override { return machine_.old_driver ? 12020 : 13000; }
  int toolkit_version() const override { return 13000; }
  at::Device device(int index) const override { return pretend::device(index); }
  std::string description(int) const override { return "a pretend accelerator in the host's memory"; }
  bool has_bfloat16(int) const override { return !machine_.old_gpu; }
  int64_t free_memory(int index) const override { return pretend::free_bytes(index); }
  std::unique_ptr<engine::StepRunner> make_step_runner(int index) const override {
    return std::make_unique<Runner>(index);
  }
  void synchronize(int index) const override {
    record::wait("synchronize", static_cast<c10::DeviceIndex>(index));
  }

 private:
  const Machine machine_ = Machine::described();
};

}  // namespace

}  // namespace fluxsbi::pretend

int fluxsbi_cuda_plugin_abi() {
  return fluxsbi::engine::plugin_abi;
}

fluxsbi::engine::CudaPlugin* fluxsbi_cuda_plugin() {
  static fluxsbi::pretend::Plugin plugin;
  return &plugin;
}
