// All parameters of a network in flat buffers that its modules view.
#pragma once

#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/network.hpp"

namespace fluxsbi::engine {

class DeviceKernels;

/// Four buffers hold one number for each parameter:
///   master            [P] float32: what the optimiser updates
///   working           [P] compute type: the modules' parameters are views of it; for float32 it is master
///   gradient          [P] float32: what accumulate_gradient adds to
///   working_gradient  [P] compute type: the modules' .grad are views of it, so that a backward pass adds in
///                     place; for float32 it is gradient
/// Every parameter starts at a multiple of 16 elements, so that views are aligned; the gaps stay zero.
class FlatParameters {
 public:
  struct Entry {
    std::string name;  ///< the module's parameter name, "double_blocks.0.obs_attn.qkv.weight"
    int64_t offset = 0;
    int64_t size = 0;
    std::vector<int64_t> shape;
    bool decays = false;  ///< weight decay applies: weights of Linear layers only
  };

  /// Moves the network to `device` and re-points its parameters into the flat buffer. `compute` is kFloat or
  /// kBFloat16; the network decides which type the working copy then has (Network::accept).
  FlatParameters(std::shared_ptr<model::Network> network, at::ScalarType compute, at::Device device);

  at::Tensor master, working, gradient, working_gradient;
  at::Tensor decay;  ///< [P] float32: 1 where weight decay applies, else 0
  std::vector<Entry> entries;
  /// The device's own kernels where the engine runs by them: the optimiser's step then does, too. Null: plain
  /// tensor operations.
  const DeviceKernels* kernels = nullptr;

  /// working <- master (one buffer for float32). To be called after every change of master.
  void publish();
  /// publish(), where whoever changed master has changed working alike.
  void published() { ++version_; }
  /// master <- values [P] (any device), then publish.
  void assign(const at::Tensor& values);
  /// View of one entry in a flat [P] tensor, in its shape.
  static at::Tensor view(const at::Tensor& flat, const Entry& entry);

  const std::shared_ptr<model::Network>& network() const { return network_; }
  /// How often the values have changed: copies of them in another layout are fresh while it stays.
  int64_t version() const { return version_; }

 private:
  int64_t version_ = 0;
  std::shared_ptr<model::Network> network_;
};

}  // namespace fluxsbi::engine
