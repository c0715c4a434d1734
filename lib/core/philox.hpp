// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
// 3"). A number depends only on its key and counter, so work can be split and ordered in any way.
#pragma once

#include <array>
#include <cstdint>

namespace fluxsbi::core {

/// Philox4x32-10: four 32-bit words for a 64-bit key and a 128-bit counter.
std::array<uint32_t, 4> philox4x32(uint64_t key, std::array<uint32_t, 4> counter);

/// What a stream of random numbers is for. It is part of the key, so that no two uses of one seed share
/// numbers.
enum class Purpose : uint32_t {
  initialisation = 1,
  prior = 2,
  simulator = 3,
  split = 4,
  shuffle = 5,
  training_noise = 6,
  validation_noise = 7,
  sampling = 8,
  posterior = 9,  ///< exact posteriors of built-in tasks
  classifier = 10,
  test = 11,
  divergence = 12,   ///< probes of a trace
  held_out = 13,     ///< pairs that a model is judged by
  reweighting = 14,  ///< draws that are chosen by their weights
};

/// A stream of random numbers named by (seed, purpose, stream, substream). Streams with different names are
/// independent. The same name gives the same numbers on every machine.
class Philox {
 public:
  Philox(uint64_t seed, Purpose purpose, uint64_t stream = 0, uint32_t substream = 0);

  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, 1) with 53 random bits.
  double uniform();
  /// Uniform in (0, 1): never 0 and never 1, safe under log and the normal quantile.
  double uniform_open();
  /// Standard normal (Box-Muller in double precision).
  double normal();
  /// Uniform integer in [0, n), without bias; n >= 1.
  uint64_t below(uint64_t n);

 private:
  uint64_t key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

/// A well-mixed 64-bit value of (seed, purpose, index): the seed of another generator, e.g. LibTorch's.
uint64_t derive_seed(uint64_t seed, Purpose purpose, uint64_t index);

}  // namespace fluxsbi::core
