// NCCL's own interface, not c10d's ProcessGroupNCCL: that wants a store of its own beside the launcher's,
// keeps threads which end the process by themselves, and adds nothing to one sum a step. The library is the
// one that LibTorch has loaded; its functions are looked up, so that the plug-in also loads beside a
// LibTorch without it.
#include "engine/cuda/nccl_sum.hpp"

#include <cstring>
#include <stdexcept>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#include <dlfcn.h>
#include <nccl.h>

namespace fluxsbi::engine::cuda {

namespace {

struct Nccl {
  decltype(&ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&ncclCommInitRank) init_rank = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclCommAbort) abort = nullptr;
  decltype(&ncclGetErrorString) error_string = nullptr;
  bool complete = false;
};

Nccl load_nccl() {
  Nccl nccl;
  void* library = dlopen("libnccl.so.2", RTLD_LAZY);
  if (library == nullptr) return nccl;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  nccl.complete = find(nccl.get_unique_id, "ncclGetUniqueId") && find(nccl.init_rank, "ncclCommInitRank") &&
                  find(nccl.all_reduce, "ncclAllReduce") && find(nccl.abort, "ncclCommAbort") &&
                  find(nccl.error_string, "ncclGetErrorString");
  return nccl;
}

const Nccl& nccl() {
  static const Nccl loaded = load_nccl();
  return loaded;
}

class NcclSum final : public DeviceSum {
 public:
  NcclSum(int device, ncclComm_t communicator) : device_(device), communicator_(communicator) {}
  // Not ncclCommDestroy, which waits for the other ranks: these may have ended by an error.
  ~NcclSum() override { nccl().abort(communicator_); }

  void sum(at::Tensor& values) override {
    const c10::cuda::CUDAGuard on_device(static_cast<c10::DeviceIndex>(device_));
    const auto stream = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_));
    auto* numbers = values.mutable_data_ptr<float>();
    const ncclResult_t result = nccl().all_reduce(numbers, numbers, static_cast<size_t>(values.numel()),
                                                  ncclFloat, ncclSum, communicator_, stream.stream());
    if (result != ncclSuccess)
      throw std::runtime_error(std::string("NCCL failed in a sum: ") + nccl().error_string(result));
  }

 private:
  int device_;
  ncclComm_t communicator_;
};

}  // namespace

std::string new_nccl_id() {
  ncclUniqueId id;
  if (!nccl().complete || nccl().get_unique_id(&id) != ncclSuccess) return "";
  return {id.internal, sizeof id.internal};
}

std::unique_ptr<DeviceSum> make_nccl_sum(int device, int rank, int size, const std::string& text,
                                         std::string* problem) {
  ncclUniqueId id;
  if (text.size() != sizeof id.internal) {
    *problem = "was given an id of another NCCL";
    return nullptr;
  }
  std::memcpy(id.internal, text.data(), text.size());
  const c10::cuda::CUDAGuard on_device(static_cast<c10::DeviceIndex>(device));
  ncclComm_t communicator = nullptr;
  const ncclResult_t result = nccl().init_rank(&communicator, size, id, rank);
  if (result == ncclSuccess) return std::make_unique<NcclSum>(device, communicator);
  *problem = std::string("cannot use NCCL: ") + nccl().error_string(result) +
             " (NCCL_DEBUG=WARN says more; each rank needs a GPU of its own)";
  return nullptr;
}

}  // namespace fluxsbi::engine::cuda
