#include "sample/memory.hpp"

#include <algorithm>

#include <c10/util/Exception.h>

#include "core/log.hpp"

namespace fluxsbi::sample {

// A generous count of activations that live at once, from the widest layer (a single-stream block's packed
// projection) and the attention weights, plus the solver's stages.
double bytes_per_sample(const engine::FlatParameters& parameters, const data::DataShape& shape,
                        int64_t state_size) {
  constexpr double layers_alive = 4, heads = 32, solver_stages = 12;
  int64_t widest = 1;
  for (const auto& entry : parameters.entries) {
    if (entry.shape.size() == 2 && !entry.name.starts_with("embedding."))  // that is evaluated once
      widest = std::max(widest, *std::max_element(entry.shape.begin(), entry.shape.end()));
  }
  const auto tokens = static_cast<double>(shape.theta_dim + shape.x_dim);
  return sizeof(float) *
         (tokens * static_cast<double>(widest) * layers_alive + tokens * tokens * heads +
          static_cast<double>(state_size) * solver_stages + static_cast<double>(shape.x_size()));
}

void FittingParts::over(int64_t items, const std::string& who, const std::function<void()>& release,
                        const std::function<void(int64_t, int64_t)>& work) {
  for (int64_t first = 0; first < items;) {
    const int64_t count = std::min(most_, items - first);
    try {
      work(first, count);
      first += count;
      continue;
    } catch (const c10::OutOfMemoryError&) {
      if (count == 1) throw;
    }
    release();
    most_ = count / 2;
    ++halvings_;
    core::log::warning(who + "the device's memory is too small for " + std::to_string(count) +
                       " samples at once: going on with " + std::to_string(most_) +
                       " (sampling.chunk sets the number)");
  }
}

// All layers' activations live until the way back, a few of each layer's width, and the attention weights of
// each block (about eight matrices).
double bytes_per_pull_back(const engine::FlatParameters& parameters, const data::DataShape& shape) {
  constexpr double copies = 4, heads = 32, matrices_a_block = 8;
  double widths = 0, matrices = 0;
  for (const auto& entry : parameters.entries) {
    if (entry.shape.size() != 2 || entry.name.starts_with("embedding.")) continue;  // that is evaluated once
    widths += static_cast<double>(*std::max_element(entry.shape.begin(), entry.shape.end()));
    ++matrices;
  }
  const auto tokens = static_cast<double>(shape.theta_dim + shape.x_dim);
  return sizeof(float) *
         (tokens * widths * copies + tokens * tokens * heads * (1 + matrices / matrices_a_block));
}

}  // namespace fluxsbi::sample
