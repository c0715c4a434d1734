// The random numbers of numpy.random.RandomState, which scikit-learn's splits and networks are made of.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace fluxsbi::diagnose {

/// RandomState(seed): MT19937 (Matsumoto & Nishimura 1998) seeded by its init_genrand. The same seed gives
/// the numbers that numpy gives, so that a score here meets the same folds, initial weights and batches as
/// there.
class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) : engine_(seed) {}

  /// RandomState.uniform(low, high): 53 random bits of two words.
  double uniform(double low, double high);
  /// RandomState.shuffle: Fisher-Yates from the end, each index by rejection under a bit mask.
  void shuffle(std::span<int32_t> values);

 private:
  uint32_t below_or_equal(uint32_t largest);

  std::mt19937 engine_;
};

}  // namespace fluxsbi::diagnose
