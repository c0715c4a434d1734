// Log-densities of points that come block by block, under one model or under an ensemble.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "sample/density/log_prob.hpp"

namespace fluxsbi::sample {

/// Given by Posterior::with_densities. Not all points need be in memory at once; DensityBlocks says what its
/// functions do.
class DensityStream {
 public:
  virtual ~DensityStream() = default;
  /// The next points theta [n, theta_dim, theta_channels] and which observation [n] each is given; negative:
  /// there is no point here, and the result is NaN. Throws core::Interrupted within a core::InterruptScope
  /// when a signal asked to stop.
  virtual void add(std::span<const double> theta, std::span<const int64_t> observations) = 0;
  virtual void end_part() = 0;
  virtual LogProbs take() = 0;
  virtual void finish() const = 0;
  virtual std::string state() const = 0;
  virtual void restore(const std::string& state) = 0;
};

}  // namespace fluxsbi::sample
