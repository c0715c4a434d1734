#include "engine/work_queue.hpp"

#include <algorithm>

namespace fluxsbi::engine {

std::vector<Part> divide(int64_t rows, int64_t count) {
  std::vector<Part> parts;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = rows * i / count;
    parts.push_back({first, rows * (i + 1) / count - first});
  }
  return parts;
}

std::vector<Part> part_per_thread(int64_t rows) {
  constexpr int64_t least_rows = 32;
  return divide(rows, std::clamp<int64_t>(rows / least_rows, 1, at::get_num_threads()));
}

}  // namespace fluxsbi::engine
