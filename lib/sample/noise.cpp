#include "sample/noise.hpp"

#include <ATen/Parallel.h>

#include "core/error.hpp"

namespace fluxsbi::sample {

namespace {

constexpr int64_t limit = int64_t{1} << 32;  // a row and a draw share one 64-bit stream name
constexpr int64_t keys_per_task = 512;       // below this a thread costs more than it saves

void check(const NoiseKey& key) {
  if (key.row < limit && key.draw < limit) return;
  throw core::UserError(
      "sampling more than 4294967296 rows or draws in one run is not possible; split the "
      "observations into files and give each run another --seed");
}

}  // namespace

NormalNoise::NormalNoise(uint64_t seed, std::span<const NoiseKey> keys) {
  streams_.reserve(keys.size());
  for (const NoiseKey& key : keys) {
    check(key);
    const uint64_t stream = static_cast<uint64_t>(key.row) << 32 | static_cast<uint64_t>(key.draw);
    streams_.emplace_back(seed, core::Purpose::sampling, stream, static_cast<uint32_t>(key.attempt));
  }
}

void NormalNoise::fill(std::span<float> out, int64_t size) {
  core::require(out.size() == streams_.size() * static_cast<size_t>(size), "noise needs out [keys, size]");
  at::parallel_for(0, static_cast<int64_t>(streams_.size()), keys_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      core::Philox& random = streams_[static_cast<size_t>(i)];
      float* values = out.data() + i * size;
      for (int64_t j = 0; j < size; ++j) values[j] = static_cast<float>(random.normal());
    }
  });
}

}  // namespace fluxsbi::sample
