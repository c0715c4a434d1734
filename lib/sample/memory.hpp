// How much memory evaluations of a network take, estimated from its parameters' shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "data/shape.hpp"
#include "engine/flat_parameters.hpp"

namespace fluxsbi::sample {

/// Bytes that one sample takes while the network is evaluated, the solver's stages of its state of
/// `state_size` numbers included. shape: of what the transformer sees.
double bytes_per_sample(const engine::FlatParameters& parameters, const data::DataShape& shape,
                        int64_t state_size);

/// Items that are computed together, so many at once as the device's memory holds.
class FittingParts {
 public:
  /// Calls work(first, count) for consecutive parts of items 0, ..., items - 1. Where the device is full, the
  /// part is halved, as are those that follow, and one line that begins with `who` says so. `release` frees
  /// what the last part left on the device. Throws c10::OutOfMemoryError where not one item fits.
  void over(int64_t items, const std::string& who, const std::function<void()>& release,
            const std::function<void(int64_t first, int64_t count)>& work);
  /// How often parts have been halved.
  int halvings() const { return halvings_; }

 private:
  int64_t most_ = std::numeric_limits<int64_t>::max();
  int halvings_ = 0;
};

/// Bytes that one evaluation with gradient takes.
double bytes_per_pull_back(const engine::FlatParameters& parameters, const data::DataShape& shape);

}  // namespace fluxsbi::sample
