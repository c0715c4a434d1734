#include "core/philox.hpp"

#include <cmath>
#include <numbers>

namespace fluxsbi::core {

namespace {

// splitmix64 (Steele et al. 2014): mixes a seed and a purpose into one key.
uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

std::array<uint32_t, 4> philox4x32(uint64_t key, std::array<uint32_t, 4> counter) {
  constexpr uint32_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u;
  constexpr uint32_t weyl0 = 0x9E3779B9u, weyl1 = 0xBB67AE85u;
  auto key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{multiplier0} * counter[0];
    const uint64_t product1 = uint64_t{multiplier1} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += weyl0;
    key1 += weyl1;
  }
  return counter;
}

Philox::Philox(uint64_t seed, Purpose purpose, uint64_t stream, uint32_t substream)
    : key_(mix(seed ^ mix(static_cast<uint64_t>(purpose)))),
      counter_{0, substream, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)} {}

uint32_t Philox::next_u32() {
  if (used_ == 4) {
    words_ = philox4x32(key_, counter_);
    ++counter_[0];
    used_ = 0;
  }
  return words_[used_++];
}

uint64_t Philox::next_u64() {
  const uint64_t high = next_u32();
  return (high << 32) | next_u32();
}

double Philox::uniform() {
  return static_cast<double>(next_u64() >> 11) * 0x1p-53;
}

double Philox::uniform_open() {
  return (static_cast<double>(next_u64() >> 12) + 0.5) * 0x1p-52;
}

double Philox::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2 * std::log(uniform_open()));
  const double angle = 2 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

uint64_t Philox::below(uint64_t n) {
  const uint64_t limit =
      UINT64_MAX - (UINT64_MAX % n + 1) % n;  // largest value of the last whole multiple of n
  uint64_t value = next_u64();
  while (value > limit) value = next_u64();
  return value % n;
}

uint64_t derive_seed(uint64_t seed, Purpose purpose, uint64_t index) {
  return mix(mix(seed ^ mix(static_cast<uint64_t>(purpose))) ^ index);
}

}  // namespace fluxsbi::core
