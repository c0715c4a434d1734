#include "pretend/on_device.hpp"

#include <cstdlib>

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

#include "engine/device.hpp"

namespace fluxsbi::test {

namespace {

// Before main: the program looks for its plug-in once.
[[maybe_unused]] const int plugin_is_named = setenv("FLUXSBI_DEVICE_PLUGIN", FLUXSBI_PRETEND_PLUGIN, 1);

}  // namespace

at::Device pretend_device() {
  return engine::choose_device("cuda").device;
}

std::string fault_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const c10::Error& fault) {
    return fault.what_without_backtrace();
  }
  return "";
}

pretend::Counts counts_of(const std::function<void()>& work) {
  const pretend::Counts before = pretend::counts();
  work();
  return pretend::counts() - before;
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.detach().to(at::kCPU, at::kDouble), y = b.detach().to(at::kCPU, at::kDouble);
  const double largest = (x - y).abs().max().item<double>();
  return largest == 0 ? 0 : largest / y.abs().max().item<double>();
}

}  // namespace fluxsbi::test
