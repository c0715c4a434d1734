#include "engine/device.hpp"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include <dlfcn.h>

#include "core/error.hpp"
#include "core/system.hpp"
#include "engine/plugin.hpp"

namespace fluxsbi::engine {

namespace {

namespace fs = std::filesystem;

struct LoadedPlugin {
  CudaPlugin* plugin = nullptr;
  std::string missing;  ///< why there is none, for messages
};

std::string plugin_path() {
  if (const char* named = std::getenv("FLUXSBI_CUDA_PLUGIN")) return named;
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  return (program.parent_path() / "libfluxsbi_cuda.so").string();
}

std::string cuda_text(int version) {
  return "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Why a plug-in that was loaded sees no GPU.
std::string no_gpu(const CudaPlugin& plugin) {
  const int driver = plugin.driver_version(), toolkit = plugin.toolkit_version();
  if (driver > 0 && driver < toolkit) {
    return "the NVIDIA driver supports " + cuda_text(driver) + ", but the plug-in was built with " +
           cuda_text(toolkit) + "; update the driver, or build with the driver's CUDA";
  }
  return "the driver sees no GPU (check nvidia-smi and CUDA_VISIBLE_DEVICES)";
}

LoadedPlugin load_plugin() {
  const char* const other = std::getenv("FLUXSBI_DEVICE_PLUGIN");
  if (!other && !fs::exists("/dev/nvidiactl") && !fs::exists("/dev/dxg"))
    return {nullptr, "no NVIDIA driver is loaded on this machine"};
  const std::string path = other ? other : plugin_path();
  if (!fs::exists(path)) {
    return {nullptr, "the CUDA plug-in " + path +
                         " is not there; build with -DFLUXSBI_CUDA=on on a machine with a CUDA toolkit"};
  }
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) return {nullptr, std::string("the CUDA plug-in cannot be loaded: ") + dlerror()};
  const auto abi = reinterpret_cast<int (*)()>(dlsym(library, "fluxsbi_cuda_plugin_abi"));
  const auto entry = reinterpret_cast<CudaPlugin* (*)()>(dlsym(library, "fluxsbi_cuda_plugin"));
  if (!abi || !entry || abi() != plugin_abi)
    return {nullptr, "the CUDA plug-in " + path + " is of another version; rebuild it"};
  CudaPlugin* plugin = entry();
  if (plugin->device_count() == 0) return {nullptr, no_gpu(*plugin)};
  return {plugin, ""};
}

const LoadedPlugin& loaded_plugin() {
  static const LoadedPlugin loaded = load_plugin();
  return loaded;
}

CudaPlugin& plugin() {
  core::require(loaded_plugin().plugin != nullptr, "a CUDA device without its plug-in");
  return *loaded_plugin().plugin;
}

DeviceChoice cuda_choice(int index) {
  const at::Device device = plugin().device(index);
  return {device, "device: " + device.str() + ", " + plugin().description(index)};
}

DeviceChoice cpu_choice(const std::string& why) {
  return {at::Device(at::kCPU),
          "device: cpu, " + core::cpu_description() + (why.empty() ? "" : " (" + why + ")")};
}

}  // namespace

DeviceChoice choose_device(const std::string& request) {
  if (request == "cpu") return cpu_choice("");
  if (request == "auto") return loaded_plugin().plugin ? cuda_choice(0) : cpu_choice(loaded_plugin().missing);
  int index = 0;
  const bool numbered = request.rfind("cuda:", 0) == 0;
  if (numbered) {
    const char* end = request.data() + request.size();
    const auto parsed = std::from_chars(request.data() + 5, end, index);
    if (parsed.ec != std::errc() || parsed.ptr != end || index < 0) index = -1;
  }
  if ((request != "cuda" && !numbered) || index < 0) {
    throw core::UserError("--device " + request + ": must be auto, cpu, cuda or cuda:i with i = 0, 1, ...");
  }
  if (!loaded_plugin().plugin) {
    throw core::UserError("--device " + request + ": CUDA cannot be used: " + loaded_plugin().missing +
                          "; use --device cpu");
  }
  if (index >= plugin().device_count()) {
    throw core::UserError("--device " + request + ": there are " + std::to_string(plugin().device_count()) +
                          " GPUs, numbered from 0");
  }
  return cuda_choice(index);
}

std::unique_ptr<StepRunner> make_step_runner(at::Device device) {
  if (device.is_cpu()) return make_direct_runner();
  return plugin().make_step_runner(device.index());
}

const CudaPlugin* cuda_plugin() {
  return loaded_plugin().plugin;
}

bool has_bfloat16(at::Device device) {
  return device.is_cpu() ? core::cpu_has_bfloat16() : plugin().has_bfloat16(device.index());
}

int64_t free_memory(at::Device device) {
  return device.is_cpu() ? static_cast<int64_t>(core::available_memory())
                         : plugin().free_memory(device.index());
}

const DeviceKernels* device_kernels(at::Device device) {
  return device.is_cpu() ? nullptr : plugin().kernels(device.index());
}

void synchronize(at::Device device) {
  if (!device.is_cpu()) plugin().synchronize(device.index());
}

}  // namespace fluxsbi::engine
