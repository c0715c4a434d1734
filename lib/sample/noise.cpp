#include "sample/noise.hpp"

#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "core/philox.hpp"

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

void fill_normal(std::span<float> out, uint64_t seed, std::span<const NoiseKey> keys, int64_t size) {
  core::require(out.size() == keys.size() * static_cast<size_t>(size), "noise needs out [keys, size]");
  for (const NoiseKey& key : keys) check(key);
  at::parallel_for(0, static_cast<int64_t>(keys.size()), keys_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const NoiseKey& key = keys[static_cast<size_t>(i)];
      const uint64_t stream = static_cast<uint64_t>(key.row) << 32 | static_cast<uint64_t>(key.draw);
      core::Philox random(seed, core::Purpose::sampling, stream, static_cast<uint32_t>(key.attempt));
      float* values = out.data() + i * size;
      for (int64_t j = 0; j < size; ++j) values[j] = static_cast<float>(random.normal());
    }
  });
}

}  // namespace fluxsbi::sample
