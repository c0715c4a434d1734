// Sums over ranks by NCCL.
#pragma once

#include <memory>
#include <string>

#include "engine/device_sum.hpp"

namespace fluxsbi::engine::cuda {

/// An id by which the ranks' communicators find each other; "" where the process has no NCCL.
std::string new_nccl_id();

/// Meets the other ranks. Null, with the reason in *problem, where NCCL cannot: two ranks on one GPU, no way
/// between them.
std::unique_ptr<DeviceSum> make_nccl_sum(int device, int rank, int size, const std::string& id,
                                         std::string* problem);

}  // namespace fluxsbi::engine::cuda
