// What the pretend device counts, and what a graph records.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>

namespace fluxsbi::pretend::record {

c10::DeviceIndex current_device();
void set_current_device(c10::DeviceIndex index);

void count_request(bool is_new, c10::DeviceIndex device);
/// An operator that would run on the device. `again` repeats it; it is recorded where a graph is captured.
void kernel(const std::string& name, c10::DeviceIndex device,
            const std::function<std::function<void()>()>& again);
/// The host waits for the device. Throws c10::Error in a capture.
void wait(const std::string& name, c10::DeviceIndex device);
/// A copy from the host of so many bytes that is not to wait: it does where many are not pinned. Throws
/// c10::Error in a capture.
void upload(const std::string& name, c10::DeviceIndex device, int64_t bytes, bool pinned);
/// Numbers are drawn from it, or its state is changed. Throws c10::Error in a capture that does not know it.
void generator_is_used(const at::Generator& generator, c10::DeviceIndex device, const std::string& by);
void generator_is_set(c10::DeviceIndex device, const std::string& by);
/// Memory that an operator reads or writes: a graph looks at each replay whether it is still there.
void memory_is_used(const void* block, c10::DeviceIndex device);

bool in_capture(c10::DeviceIndex device);

}  // namespace fluxsbi::pretend::record
