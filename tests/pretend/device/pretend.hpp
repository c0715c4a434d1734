// A pretend accelerator: LibTorch's PrivateUse1 backend in host memory, with CUDA's rules.
//
// Every operator runs on the CPU, after a check of what CUDA would check, so that what a GPU would refuse, or
// quietly do wrong, is a failure by name on a machine without one:
//   placement       all tensors of an operator are on one device, 0-dimensional CPU scalars of element-wise
//                   operators excepted
//   host pointers   device addresses lie in pages that nobody may touch; a host that does is ended by name
//   new memory      is filled with NaN
//   recording       kernels, waits of the host for the device, and allocations are counted
//   capture         a step that is captured as a graph may not wait, take memory that the call before did not
//                   take, keep what it allocates, copy from the host, or draw numbers from a generator that
//                   the graph does not know; its replay repeats the recorded operators on the recorded
//                   addresses, and nothing that the host does
// What it cannot show: kernels themselves, races between streams, time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>

namespace fluxsbi::pretend {

/// How many devices LibTorch knows; the plug-in offers the program some of them (FLUXSBI_PRETEND=devices=N).
inline constexpr int device_count = 4;

at::Device device(int index = 0);

/// What has been asked of a device, or of all.
struct Counts {
  int64_t kernels = 0;     ///< operators that would run on the device; views are none
  int64_t waits = 0;       ///< times that the host waited for the device
  int64_t uploads = 0;     ///< copies from the host that nobody waits for
  int64_t requests = 0;    ///< allocations
  int64_t new_blocks = 0;  ///< those that no freed block could serve
  std::map<std::string, int64_t> operators;
  std::map<std::string, int64_t> waited_for;  ///< waits by operator

  Counts operator-(const Counts& before) const;
  Counts& operator+=(const Counts& more);
  /// One line for each operator, the most frequent first.
  std::string text() const;
};
/// Since the process began: of all devices, and of one.
Counts counts();
Counts counts(int device);

/// A device is full beyond this many bytes; 0: there is no limit.
void set_capacity(int64_t bytes, int device = 0);
/// Bytes of tensors that are alive, and what is left of the capacity.
int64_t bytes_in_use(int device = 0);
int64_t free_bytes(int device = 0);

/// A device is lost after so many operators from now on: all that it is asked for then is an error in CUDA's
/// words. 0: it works.
void lose_after(int64_t kernels, int device = 0);

/// Ends the process with this exit code, and words on standard error, where the host touches device memory.
inline constexpr int host_pointer_exit = 86;
void watch_host_pointers();

struct GraphContent;

/// A captured step of the current device; others work on meanwhile. The generator of each device is known to
/// every graph; others have to be registered.
class Graph {
 public:
  Graph();
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void know(const at::Generator& generator);
  /// Runs the step once and records what it asks of the device. `sizes`: of the allocations that a call
  /// before made, in their order; the captured call must make the same. Throws c10::Error for what cannot be
  /// captured.
  void capture(const std::function<void()>& step, const std::vector<size_t>* sizes = nullptr);
  void replay();
  int64_t kernels() const;

 private:
  std::shared_ptr<GraphContent> content_;
};

/// The sizes of the allocations that a call makes on the current device, in their order.
std::vector<size_t> allocations_of(const std::function<void()>& call);

/// The graph that is being captured on the current device; null: none.
Graph* capturing();

}  // namespace fluxsbi::pretend
