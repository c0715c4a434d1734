// The pretend device as a plug-in of the program (engine/plugin.hpp), which FLUXSBI_DEVICE_PLUGIN names.
#include "engine/plugin.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include "pretend/device/memory.hpp"
#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace {

// As the CUDA plug-in: a few calls, a capture, then replays. What cannot be captured is an error here.
class Runner final : public engine::StepRunner {
 public:
  void run(const std::function<void()>& step) override {
    constexpr int warm_up_calls = 3;
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
  int calls_ = 0;
  std::vector<size_t> sizes_;  // allocations of the last call
  std::unique_ptr<Graph> graph_;
};

// FLUXSBI_PRETEND says what is wrong with this machine: old_driver, old_gpu, or lost_after=N operators.
class Plugin final : public engine::CudaPlugin {
 public:
  Plugin() {
    const std::string lost = "lost_after=";
    if (fault_.starts_with(lost)) lose_after(std::stoll(fault_.substr(lost.size())));
  }
  int device_count() const override { return fault_ == "old_driver" ? 0 : pretend::device_count; }
  int driver_version() const override { return fault_ == "old_driver" ? 12020 : 13000; }
  int toolkit_version() const override { return 13000; }
  at::Device device(int index) const override { return pretend::device(index); }
  std::string description(int) const override { return "a pretend accelerator in the host's memory"; }
  bool has_bfloat16(int) const override { return fault_ != "old_gpu"; }
  int64_t free_memory(int) const override { return pretend::free_bytes(); }
  std::unique_ptr<engine::StepRunner> make_step_runner(int) const override {
    return std::make_unique<Runner>();
  }
  void synchronize(int) const override { record::wait("synchronize"); }

 private:
  const std::string fault_ = std::getenv("FLUXSBI_PRETEND") ? std::getenv("FLUXSBI_PRETEND") : "";
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
