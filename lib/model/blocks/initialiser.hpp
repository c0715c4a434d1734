// Start values of parameters.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace fluxsbi::model {

/// Fills parameters one after the other. The k-th parameter's values depend on (seed, k) alone: not on the
/// machine, the device, the number of threads or LibTorch's own generator.
class Initialiser {
 public:
  explicit Initialiser(uint64_t seed) : seed_(seed) {}

  /// LeCun normal: variance 1 / fan_in, drawn from a normal cut off at two standard deviations.
  void lecun(const at::Tensor& parameter, int64_t fan_in);
  /// Normal with mean 0.
  void normal(const at::Tensor& parameter, double standard_deviation);
  void constant(const at::Tensor& parameter, double value);

 private:
  uint64_t seed_;
  uint64_t parameter_ = 0;  ///< how many were filled so far
};

}  // namespace fluxsbi::model
