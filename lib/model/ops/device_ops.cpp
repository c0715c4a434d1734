#include "model/ops/device_ops.hpp"

#include <utility>

namespace fluxsbi::model::ops {

namespace {

thread_local const DeviceOps* in_use = nullptr;

}  // namespace

UseDeviceOps::UseDeviceOps(const DeviceOps* ops) : before_(std::exchange(in_use, ops)) {}

UseDeviceOps::~UseDeviceOps() {
  in_use = before_;
}

const DeviceOps* device_ops() {
  return in_use;
}

}  // namespace fluxsbi::model::ops
