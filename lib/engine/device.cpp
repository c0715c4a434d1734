#include "engine/device.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include <dlfcn.h>

#include "core/error.hpp"
#include "core/system.hpp"
#include "engine/plugin.hpp"
#include "engine/tile/kernels.hpp"

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

// The numbers of GPUs that a request names, each once; none: all of them.
std::vector<int> gpu_numbers(const std::string& request) {
  if (request == "cuda") return {0};
  const std::string prefix = "cuda:";
  if (request == prefix + "all") return {};
  const std::string list = request.starts_with(prefix) ? request.substr(prefix.size()) : "";
  std::vector<int> numbers;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    int number = -1;
    const auto parsed = std::from_chars(list.data() + begin, list.data() + end, number);
    if (parsed.ec != std::errc() || parsed.ptr != list.data() + end || number < 0)
      throw core::UserError(
          "--device " + request +
          ": must be auto, cpu, cuda or cuda:i with i = 0, 1, ...; several GPUs are cuda:i,j or "
          "cuda:all");
    if (std::find(numbers.begin(), numbers.end(), number) != numbers.end())
      throw core::UserError("--device " + request + ": names GPU " + std::to_string(number) + " twice");
    numbers.push_back(number);
    begin = end + 1;
  }
  return numbers;
}

}  // namespace

DeviceChoice choose_device(const std::string& request) {
  const std::vector<DeviceChoice> chosen = choose_devices(request);
  if (chosen.size() == 1) return chosen.front();
  throw core::UserError(
      "--device " + request +
      ": this command computes on one GPU; name it, as in --device cuda:0. Training uses "
      "several as one process a GPU, started by mpirun or torchrun (docs/cluster.md); "
      "sample, log-prob, map, diagnose and compare share their work among several in one process");
}

std::vector<DeviceChoice> choose_devices(const std::string& request) {
  if (request == "cpu") return {cpu_choice("")};
  if (request == "auto")
    return {loaded_plugin().plugin ? cuda_choice(0) : cpu_choice(loaded_plugin().missing)};
  std::vector<int> numbers = gpu_numbers(request);
  if (!loaded_plugin().plugin) {
    throw core::UserError("--device " + request + ": CUDA cannot be used: " + loaded_plugin().missing +
                          "; use --device cpu");
  }
  const int count = plugin().device_count();
  if (numbers.empty()) {
    numbers.resize(static_cast<size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
  }
  std::vector<DeviceChoice> chosen;
  for (const int number : numbers) {
    if (number >= count)
      throw core::UserError("--device " + request + ": there are " + std::to_string(count) +
                            " GPUs, numbered from 0");
    chosen.push_back(cuda_choice(number));
  }
  return chosen;
}

std::unique_ptr<StepRunner> make_step_runner(at::Device device) {
  if (device.is_cpu()) return make_direct_runner();
  return plugin().make_step_runner(device.index());
}

const CudaPlugin* cuda_plugin() {
  return loaded_plugin().plugin;
}

FastProducts fast_products(at::Device device) {
  if (!device.is_cpu())
    return plugin().has_bfloat16(device.index()) ? FastProducts::bfloat16 : FastProducts::none;
  const tile::Kernels& kernels = tile::kernels();
  if (!kernels.gains_by_rounding()) return FastProducts::none;
  return kernels.bfloat16x3.factors == tile::Rounding::none ? FastProducts::bfloat16
                                                            : FastProducts::bfloat16x3;
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
