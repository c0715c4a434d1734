// What LibTorch asks of a backend beside its operators: the guard of the current device, and the hooks.
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "pretend/device/generator.hpp"
#include "pretend/device/memory.hpp"
#include "pretend/device/operators.hpp"
#include "pretend/device/pretend.hpp"
#include "pretend/device/record.hpp"

namespace fluxsbi::pretend {

namespace {

c10::Stream default_stream(c10::Device device) {
  return c10::Stream(c10::Stream::DEFAULT,
                     device.has_index() ? device : pretend::device(record::current_device()));
}

// One stream a device, in which everything has happened as soon as it is asked for.
struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return c10::DeviceType::PrivateUse1; }
  c10::Device exchangeDevice(c10::Device next) const override {
    const c10::Device before = getDevice();
    setDevice(next);
    return before;
  }
  c10::Device getDevice() const override { return pretend::device(record::current_device()); }
  void setDevice(c10::Device next) const override {
    TORCH_CHECK(next.index() >= 0 && next.index() < device_count, "pretend device: no device ",
                int(next.index()));
    record::set_current_device(next.index());
  }
  void uncheckedSetDevice(c10::Device next) const noexcept override {
    if (next.has_index()) record::set_current_device(next.index());
  }
  c10::Stream getStream(c10::Device device) const override { return default_stream(device); }
  c10::Stream getDefaultStream(c10::Device device) const override { return default_stream(device); }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return default_stream(device);
  }
  c10::Stream getNewStream(c10::Device device, int) const override { return default_stream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  c10::DeviceIndex deviceCount() const noexcept override { return device_count; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream& stream) const override {
    record::wait("synchronizeStream", stream.device_index());
  }
  void synchronizeEvent(void*) const override { record::wait("synchronizeEvent", record::current_device()); }
  void synchronizeDevice(const c10::DeviceIndex index) const override {
    record::wait("synchronizeDevice", index);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return device_count; }
  void setCurrentDevice(c10::DeviceIndex index) const override { record::set_current_device(index); }
  c10::DeviceIndex getCurrentDevice() const override { return record::current_device(); }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    const c10::DeviceIndex before = record::current_device();
    record::set_current_device(index);
    return before;
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override {
    return exchangeDevice(index);
  }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override {
    return default_generator(index);
  }
  at::Generator getNewGenerator(c10::DeviceIndex index) const override { return new_generator(index); }
  bool isPinnedPtr(const void* place) const override { return memory::is_pinned(place); }
  at::Allocator* getPinnedMemoryAllocator() const override { return memory::pinned_allocator(); }
  at::Device getDeviceFromPtr(void*) const override { return pretend::device(record::current_device()); }
};

const bool registered = [] {
  c10::register_privateuse1_backend("pretend");
  static c10::impl::DeviceGuardImplRegistrar guard(c10::DeviceType::PrivateUse1, new Guard);
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  c10::SetAllocator(c10::DeviceType::PrivateUse1, memory::allocator());
  register_operators();
  return true;
}();

}  // namespace

at::Device device(int index) {
  return {c10::DeviceType::PrivateUse1, static_cast<c10::DeviceIndex>(index)};
}

}  // namespace fluxsbi::pretend
